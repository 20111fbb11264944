"""What one call may cost, and on whose account: the columns that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.generations.accounts import Account, account_choose
from apps.generations.keys import own_providers
from apps.generations.vendors import vendor_title
from apps.providers.catalogue import MODELS, Model, Quote, params_fit, quote


class NotPriced(ValueError):
    """Why this call cannot be made; ``field`` is the setting to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def account_and_price(
    *,
    workspace_id: UUID,
    project_id: UUID | None,
    model: Model,
    fallbacks: Sequence[str],
    settings: Mapping[str, Any],
    references: Mapping[str, Any],
) -> dict[str, Any]:
    """Columns of a generation: whose key, the price before and, with one's own key, what it would have been.

    The upper end is the dearest of the model and its fallbacks, of those that credits pay. Raises NotPriced.
    """
    others = _fallbacks(model, fallbacks)
    account = _account(workspace_id, project_id, model)
    own = own_providers(workspace_id=workspace_id, project_id=project_id)
    paid = [quote(one.id, params_fit(one.id, settings)[0], references) for one in [model, *others]]
    charged = [
        price if one.provider not in own else Quote(0, 0) for one, price in zip([model, *others], paid, strict=True)
    ]
    return {
        "key_id": account.key_id,
        "list_price": paid[0].high if account.key_id else 0,
        "price_low": charged[0].low,
        "price_high": max(price.high for price in charged),
        "fallbacks": list(fallbacks),
    }


def _account(workspace_id: UUID, project_id: UUID | None, model: Model) -> Account:
    account = account_choose(workspace_id=workspace_id, project_id=project_id, provider=model.provider)
    if account is None:
        vendor = {"vendor": vendor_title(model.provider)}
        raise NotPriced("model", _("There is no key for %(vendor)s. Add one under Settings, Providers.") % vendor)
    return account


def _fallbacks(model: Model, names: Sequence[str]) -> list[Model]:
    found = []
    for name in names:
        other = MODELS.get(name)
        if other is None or other.kind != model.kind or other.retired or other.id == model.id:
            sentence = _("“%(model)s” cannot stand in for %(first)s.") % {"model": name, "first": _(model.title)}
            raise NotPriced("fallbacks", sentence)
        found.append(other)
    return found
