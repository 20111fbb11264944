"""What the run's socket sends: one coalesced batch of HTML per look, the same for every watcher at the same place."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.template.loader import render_to_string
from django.utils import translation

from apps.common.tenancy import scope
from apps.runs.console import STEPS_SHOWN, log_line, progress_told, run_view, short_id
from apps.runs.listing import run_titles
from apps.runs.models import Run
from apps.runs.timeline import Timeline
from apps.runs.watch import Event, events_after

BATCH = 2000
# Between two tags on lines of their own there is nothing to see; a tenth of what a large run would send.
_INDENTATION = re.compile(r">\s*\n\s*<")


@dataclass(frozen=True)
class Batch:
    """HTML for the events after a cursor, and where the cursor is then. ``html`` is empty when nothing happened."""

    html: str
    seq: int
    ended: bool


def batch_render(run_id: UUID, workspace_id: UUID, after: int, language: str, shown: int = STEPS_SHOWN) -> Batch | None:
    """Everything that changed after ``after``; None when the run is gone. Rows only of the first ``shown`` steps."""
    with scope(workspace_id), translation.override(language):
        run: Run | None = Run.objects.select_related("workspace").filter(id=run_id).first()
        if run is None:
            return None
        events = events_after(run.id, after, BATCH)
        if run.finished_at is None and events and events[-1].kind == "run_finished":
            # It ended between the two reads; as nothing follows, it would be shown as running for good.
            run.refresh_from_db()
        if not events:
            return Batch("", after, run.finished_at is not None)
        seq = events[-1].seq
        html = render_to_string("runs/fragments.html", _context(run, events, shown))
        return Batch(_INDENTATION.sub("><", html), seq, run.finished_at is not None and seq >= run.last_seq)


def _context(run: Run, events: list[Event], shown: int) -> dict[str, Any]:
    nodes = {event.body["node"] for event in events if event.kind.startswith("step_") and event.kind != "step_log"}
    titles = run_titles(run)
    positions = [position for position, node in enumerate(titles) if node in nodes]
    told = progress_told(event.body for event in events if event.kind == "step_progress")
    steps = Timeline(run, positions, told).rows() if positions else []
    return {
        "run": run,
        "short": short_id(run),
        "workspace": run.workspace,
        "view": run_view(run),
        "steps": steps,
        "rows": [step for step in steps if step.position < shown],
        "logs": [log_line(event.at, event.body, titles) for event in events if event.kind == "step_log"],
        "seq": events[-1].seq,
        # Of a run that is over nobody hears so before they have all that led there: they stop listening then.
        "behind": run.finished_at is not None and events[-1].seq < run.last_seq,
        # What may be done with the run, and what went wrong, changes with the run's own events only.
        "whole": any(event.kind.startswith("run_") for event in events),
        "oob": True,
    }


_shared: dict[tuple[UUID, int, str, int], asyncio.Future[Batch | None]] = {}


async def batch_shared(
    run_id: UUID, workspace_id: UUID, after: int, language: str, shown: int = STEPS_SHOWN
) -> Batch | None:
    """:func:`batch_render` in a thread, once for all watchers of this process that ask at the same time."""
    key = (run_id, after, language, shown)
    found = _shared.get(key)
    if found is None:
        found = asyncio.ensure_future(
            database_sync_to_async(batch_render)(run_id, workspace_id, after, language, shown)
        )
        _shared[key] = found
        found.add_done_callback(lambda _: _shared.pop(key, None))
    return await asyncio.shield(found)
