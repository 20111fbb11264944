"""The end of a paid call: the state, the outputs and the money change together, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from apps.assets.models import Asset
from apps.assets.services import asset_ref
from apps.billing.services import hold_capture, hold_release
from apps.generations import events
from apps.generations.models import LIVE, Generation, GenerationOutput, GenerationState
from apps.generations.vendors import vendor_title
from apps.generations.wording import sentence_stored
from apps.providers.catalogue import MODELS, cost

log = structlog.get_logger(__name__)


def latency_ms(generation: Generation, now: datetime) -> int:
    """Milliseconds from the request to ``now``."""
    return max(0, int((now - generation.created_at).total_seconds() * 1000))


def settle_without_charge(
    generation: Generation,
    state: GenerationState,
    *,
    code: str,
    detail: str = "",
    permanent: bool = False,
    now: datetime,
    only_from: tuple[GenerationState, ...] = LIVE,
) -> bool:
    """End it with nothing charged and the hold released. False when it had already ended (or left ``only_from``)."""
    fields: dict[str, Any] = {
        "state": state,
        "error_code": code,
        "error": sentence_stored(
            code, provider=vendor_title(generation.provider), detail=detail, own_key=generation.key_id is not None
        ),
        "error_detail": detail[:2000],
        "permanent": permanent,
        "settled_at": now,
        "latency_ms": latency_ms(generation, now),
        "lease_until": None,
        "fence": F("fence") + 1,
    }
    with transaction.atomic():
        rows = Generation.objects.for_workspace(generation.workspace_id)
        if not rows.filter(id=generation.id, state__in=only_from).update(**fields):
            return False
        hold_release(hold_id=generation.hold_id)
        events.settled(generation)
    log.info(
        "generation settled", action="generation_settle", generation=str(generation.id), state=str(state), code=code
    )
    return True


def settle_success(
    generation: Generation, assets: list[Asset], *, text: str = "", usage: Mapping[str, Any], now: datetime
) -> bool:
    """Outputs are in our storage: charge min(actual, hold) and say so. False when the claim was lost meanwhile."""
    charged = _cost(generation, usage)
    fields: dict[str, Any] = {
        "state": GenerationState.SUCCEEDED,
        "outputs": [asset_ref(asset) for asset in assets],
        "text": text,
        "usage": dict(usage),
        "cost": charged,
        "progress": 1.0,
        "progress_message": "",
        "settled_at": now,
        "latency_ms": latency_ms(generation, now),
        "lease_until": None,
        "delivery": None,
    }
    with transaction.atomic():
        rows = Generation.objects.for_workspace(generation.workspace_id)
        if not rows.filter(id=generation.id, state__in=LIVE, fence=generation.fence).update(**fields):
            return False
        GenerationOutput.objects.for_workspace(generation.workspace_id).bulk_create(
            GenerationOutput(
                workspace_id=generation.workspace_id, generation_id=generation.id, asset=asset, position=position
            )
            for position, asset in enumerate(assets)
        )
        hold_capture(
            hold_id=generation.hold_id,
            amount=charged,
            description=_description(generation),
            model=generation.model,
        )
        events.settled(generation)
    log.info(
        "generation settled", action="generation_settle", generation=str(generation.id), state="succeeded", cost=charged
    )
    return True


def _cost(generation: Generation, usage: Mapping[str, Any]) -> int:
    """What the vendor says it took, never more than was said before; the price said before where it does not say."""
    if generation.model not in MODELS:
        return generation.price_high
    actual = cost(generation.model, generation.params, generation.inputs, usage)
    return generation.price_high if actual is None else max(0, min(actual, generation.price_high))


def _description(generation: Generation) -> str:
    return f"{generation.model}: {generation.prompt[:80]}" if generation.prompt else generation.model
