"""The end of a paid call: the state, the outputs and the money change together, once."""

from __future__ import annotations

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
from apps.generations.wording import sentence_stored

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
        "error": sentence_stored(code, provider=generation.provider.title(), detail=detail),
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
    generation: Generation, assets: list[Asset], *, fence: int, actual_cost: int | None, now: datetime
) -> bool:
    """Outputs are in our storage: charge min(actual, hold) and say so. False when the claim was lost meanwhile."""
    cost = generation.price_high if actual_cost is None else max(0, min(actual_cost, generation.price_high))
    fields: dict[str, Any] = {
        "state": GenerationState.SUCCEEDED,
        "outputs": [asset_ref(asset) for asset in assets],
        "cost": cost,
        "progress": 1.0,
        "progress_message": "",
        "settled_at": now,
        "latency_ms": latency_ms(generation, now),
        "lease_until": None,
        "delivery": None,
    }
    with transaction.atomic():
        rows = Generation.objects.for_workspace(generation.workspace_id)
        if not rows.filter(id=generation.id, state__in=LIVE, fence=fence).update(**fields):
            return False
        GenerationOutput.objects.for_workspace(generation.workspace_id).bulk_create(
            GenerationOutput(
                workspace_id=generation.workspace_id, generation_id=generation.id, asset=asset, position=position
            )
            for position, asset in enumerate(assets)
        )
        hold_capture(hold_id=generation.hold_id, amount=cost, description=_description(generation))
        events.settled(generation)
    log.info(
        "generation settled", action="generation_settle", generation=str(generation.id), state="succeeded", cost=cost
    )
    return True


def _description(generation: Generation) -> str:
    return f"{generation.model}: {generation.prompt[:80]}" if generation.prompt else generation.model
