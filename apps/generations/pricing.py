"""What one call may cost, and on whose account: the columns that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.generations.accounts import Account, account_choose
from apps.generations.keys import own_providers
from apps.generations.vendors import vendor_title
from apps.providers.catalogue import (
    MODELS,
    Model,
    Quote,
    inputs_fit,
    inputs_problems,
    params_fit,
    params_problems,
    quote,
    stand_in_problem,
)


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
    others = _fallbacks(model, fallbacks, settings, references)
    account = _account(workspace_id, project_id, model)
    own = own_providers(workspace_id=workspace_id, project_id=project_id)
    paid = [_quote(one, settings, references) for one in [model, *others]]
    charged = [
        price if one.provider not in own else Quote(0, 0) for one, price in zip([model, *others], paid, strict=True)
    ]
    return {
        "key_id": account.key_id,
        "list_price": paid[0].high if account.key_id else 0,
        "price_low": min(price.low for price in charged),
        "price_high": max(price.high for price in charged),
        "fallbacks": [other.id for other in others],
    }


def _account(workspace_id: UUID, project_id: UUID | None, model: Model) -> Account:
    account = account_choose(workspace_id=workspace_id, project_id=project_id, provider=model.provider)
    if account is None:
        vendor = {"vendor": vendor_title(model.provider)}
        raise NotPriced("model", _("There is no key for %(vendor)s. Add one under Settings, Providers.") % vendor)
    return account


def _fallbacks(
    model: Model, names: Sequence[str], settings: Mapping[str, Any], references: Mapping[str, Any]
) -> list[Model]:
    """The models to fall back on, each once; raises NotPriced about one that could not answer this call."""
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        problem = stand_in_problem(model.id, name) or _cannot(name, settings, references)
        if problem:
            raise NotPriced("fallbacks", problem)
    return [MODELS[name] for name in chosen]


def _cannot(name: str, settings: Mapping[str, Any], references: Mapping[str, Any]) -> str | None:
    """What of this very call another model cannot do without, or has no place for; None where it can take it."""
    kept, _dropped = params_fit(name, settings)
    placed, left = inputs_fit(name, references)
    missing = [*params_problems(name, kept, complete=True, files=placed), *inputs_problems(name, placed)]
    title = _(MODELS[name].title)
    if left:
        return _("%(model)s does not take: %(names)s.") % {"model": title, "names": ", ".join(left)}
    return f"{title}: {missing[0].message}" if missing else None


def _quote(model: Model, settings: Mapping[str, Any], references: Mapping[str, Any]) -> Quote:
    """What this call costs with this model, by what of it the model takes."""
    return quote(model.id, params_fit(model.id, settings)[0], inputs_fit(model.id, references)[0])
