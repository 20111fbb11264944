"""What is next for a generation, read off its row. The tasks hand it out; a lost message is made up by the sweeper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from apps.generations.execution.timing import SUBMIT_WAIT_MAX
from apps.generations.models import POLLED, Generation, GenerationState

# A look that is due later than this is left to the tick, which serves many rows at once.
KICK_WITHIN_S = 3.0


@dataclass(frozen=True)
class Next:
    """One act, ``after_s`` seconds from now."""

    act: Literal["submit", "poll", "collect", "cancel"]
    workspace_id: UUID
    generation_id: UUID
    after_s: float = 0.0


def following(generation: Generation, now: datetime) -> Next | None:
    """The next act on this row, or None when there is none or the tick will do it."""
    wait = max(0.0, (generation.poll_after - now).total_seconds())
    ids = (generation.workspace_id, generation.id)
    if generation.state == GenerationState.PREPARED:
        return Next("submit", *ids, after_s=wait) if wait <= SUBMIT_WAIT_MAX.total_seconds() else None
    if _cancel_unsent(generation):
        return Next("cancel", *ids)
    if generation.state not in POLLED:
        return None
    if generation.delivery is not None:
        return Next("collect", *ids)
    return Next("poll", *ids, after_s=wait) if wait <= KICK_WITHIN_S else None


def _cancel_unsent(generation: Generation) -> bool:
    """Asked for by a person or by the deadline, known to the provider, not delivered, and not yet told."""
    wanted = generation.cancel_requested_at is not None or generation.state == GenerationState.EXPIRED
    over = generation.state not in (*POLLED, GenerationState.EXPIRED)
    known = bool(generation.provider_request_id) and generation.delivery is None
    return wanted and known and not over and generation.cancel_sent_at is None
