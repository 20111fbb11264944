"""Reading a run's events after a cursor, now and as they come. Gapless: the rows are the truth, pokes only hurry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings

from apps.common.tenancy import scope
from apps.runs.models import Run, RunEvent

BATCH = 1000
# Whoever watches for long is asked this often whether they still may.
RECHECK_S = 60.0


@dataclass(frozen=True)
class Event:
    """One event of a run."""

    seq: int
    kind: str
    at: datetime
    body: dict[str, Any]


def events_after(run_id: UUID, after: int, limit: int = BATCH) -> list[Event]:
    """Up to ``limit`` events with ``seq > after`` of a run of the current workspace, in order."""
    rows = RunEvent.objects.filter(run_id=run_id, seq__gt=after).order_by("seq")
    return [Event(*row) for row in rows.values_list("seq", "kind", "at", "body")[:limit]]


@database_sync_to_async
def _read(run: Run, after: int) -> list[Event]:
    with scope(run.workspace_id):
        return events_after(run.id, after)


async def follow(run: Run, after: int) -> AsyncGenerator[list[Event]]:
    """Batches of events after ``after`` until the run is over; an empty batch every few seconds of silence."""
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    group = f"run.{run.id}"
    # Joined before the first read, so that nothing falls between the two.
    await layer.group_add(group, channel)
    try:
        while True:
            events = await _read(run, after)
            yield events
            if events:
                after = events[-1].seq
                if events[-1].kind == "run_finished":
                    return
                continue
            if await _over(run, after):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(layer.receive(channel), settings.WATCH_INTERVAL_S)
    finally:
        await layer.group_discard(group, channel)


@database_sync_to_async
def _over(run: Run, after: int) -> bool:
    """Whether the run has ended and the reader has seen its last event."""
    row = Run.objects.for_workspace(run.workspace_id).filter(id=run.id).values_list("finished_at", "last_seq").first()
    return row is None or (row[0] is not None and after >= row[1])
