"""What one call may cost, and on whose account: the columns that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.common.money import credits_text
from apps.common.problems import Problem
from apps.generations.accounts import Account, accounts_choose
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


class PriceRisen(ValueError):
    """It now costs more than whoever starts it was shown; nothing was held or sent."""

    def __init__(self, low: int, high: int, agreed: int) -> None:
        told = {"price": credits_text(high), "agreed": credits_text(agreed)}
        sentence = _(
            "This now costs up to %(price)s; the price shown was %(agreed)s. Nothing was sent or charged. Start it "
            "again to agree to the new price."
        )
        super().__init__(sentence % told)
        self.low, self.high = low, high

    def problem(self) -> Problem:
        """The answer of the API, with the new price."""
        price = {"low": self.low, "high": self.high}
        return Problem("price-risen", 409, _("The price has risen"), str(self), price=price)


def price_agree(*, low: int, high: int, agreed: int | None) -> None:
    """Raise PriceRisen where this costs more micro-credits than ``agreed``; None agreed to whatever it costs."""
    if agreed is not None and high > agreed:
        raise PriceRisen(low, high, agreed)


def account_and_price(
    *,
    workspace_id: UUID,
    project_id: UUID | None,
    model: Model,
    fallbacks: Sequence[str],
    settings: Mapping[str, Any],
    references: Mapping[str, Any],
    promised: Collection[str],
) -> dict[str, Any]:
    """Columns of a generation: whose key, the price before and, with one's own key, what it would have been.

    The upper end is the dearest of the model and its fallbacks, of those that credits pay. ``promised``: the vendors
    that an earlier price was told of with a key of the workspace's own; without it, they are not asked. Raises
    NotPriced.
    """
    chain = [model, *_fallbacks(model, fallbacks, settings, references)]
    vendors = {one.provider for one in chain}
    accounts = accounts_choose(workspace_id=workspace_id, project_id=project_id, providers=vendors, promised=promised)
    account = _account(model, accounts, promised)
    own = sorted(name for name, one in accounts.items() if one.key_id is not None)
    asked = [one for one in chain if one.provider in accounts or one.provider not in promised]
    listed = [_quote(one, settings, references) for one in asked]
    charged = [Quote(0, 0) if one.provider in own else price for one, price in zip(asked, listed, strict=True)]
    return {
        "key_id": account.key_id,
        "list_price": listed[0].high if account.key_id else 0,
        "price_low": min(price.low for price in charged),
        "price_high": max(price.high for price in charged),
        "own_providers": own,
        "fallbacks": [other.id for other in asked[1:]],
    }


def _account(model: Model, accounts: Mapping[str, Account], promised: Collection[str]) -> Account:
    account = accounts.get(model.provider)
    if account is not None:
        return account
    vendor = {"vendor": vendor_title(model.provider)}
    if model.provider not in promised:
        raise NotPriced("model", _("There is no key for %(vendor)s. Add one under Settings, Providers.") % vendor)
    removed = _(
        "Your key for %(vendor)s was removed after this was priced with it. Nothing was sent or charged. Add a key "
        "under Settings, Providers, or run again and pay with credits."
    )
    raise NotPriced("model", removed % vendor)


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
