"""The next model in a person's order of fallbacks, where a vendor is busy, ill or out of reach.

Only where nothing can have been begun: a POST whose answer was lost is never answered by another POST, to whomever.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.utils.translation import gettext as _

from apps.generations import events
from apps.generations.accounts import Account, accounts_choose
from apps.generations.models import Generation, GenerationState
from apps.providers.base import ProviderError
from apps.providers.catalogue import MODELS, Model, Quote, inputs_fit, params_fit, quote

log = structlog.get_logger(__name__)
PASSING = frozenset({"rate_limited", "unavailable"})


def fallback_take(generation: Generation, error: ProviderError, now: datetime) -> bool:
    """Prepare the call for the next model that is left; False when there is none, or this is no reason to change.

    The price is the new model's; the hold was made for the dearest of them. Who was priced with a key of the
    workspace's own, and has it no more, is not asked.
    """
    if error.sent or error.code not in PASSING or generation.cancel_requested_at:
        return False
    left = [MODELS[name] for name in generation.fallbacks if name in MODELS]
    accounts = accounts_choose(
        workspace_id=generation.workspace_id,
        project_id=generation.project_id,
        providers={model.provider for model in left},
        promised=generation.own_providers,
    )
    for place, model in enumerate(left):
        account = accounts.get(model.provider)
        if account is not None:
            return _switch(generation, model, account, [other.id for other in left[place + 1 :]], error, now)
    return False


def _switch(
    generation: Generation, model: Model, account: Account, left: list[str], error: ProviderError, now: datetime
) -> bool:
    params, dropped = params_fit(model.id, generation.params)
    inputs, left_out = inputs_fit(model.id, generation.inputs)
    listed = quote(model.id, params, inputs)
    price = listed if account.key_id is None else Quote(0, 0)
    said = {"model": generation.model, "code": error.code, "message": str(error), "at": now.isoformat()}
    before = MODELS[generation.model].title if generation.model in MODELS else generation.model
    told = _("%(before)s did not take it; asking %(after)s.") % {"before": _(before), "after": _(model.title)}
    rows = Generation.objects.for_workspace(generation.workspace_id)
    mine = rows.filter(id=generation.id, state=GenerationState.SUBMITTING, fence=generation.fence)
    moved = mine.update(
        state=GenerationState.PREPARED,
        provider=model.provider,
        model=model.id,
        model_version=model.version,
        params=params,
        inputs=inputs,
        key_id=account.key_id,
        list_price=listed.high if account.key_id else 0,
        fallbacks=left,
        route=[*generation.route, {**said, "asked": model.id, "dropped": [*dropped, *left_out]}],
        price_low=min(price.low, generation.price_high),
        price_high=min(price.high, generation.price_high),
        tries=0,
        busy_since=None,
        submitted_at=None,
        poll_after=now,
        progress_message=told[:200],
    )
    generation.refresh_from_db()
    if moved:
        events.progressed(generation)
        log.info("fallback", action="generation_fallback", generation=str(generation.id), model=model.id)
    return bool(moved)
