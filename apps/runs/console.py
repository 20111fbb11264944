"""What a page or a fragment shows of a run: its head, its steps with their place in time, its log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from apps.engine.states import RunState, StepState
from apps.runs.listing import run_titles, steps_page
from apps.runs.models import Run, RunEvent, Step
from apps.runs.reasons import reason_text

STEPS_SHOWN = 500
ITEMS_SHOWN = 50
LOG_SHOWN = 500
TOLD_READ = 200
# The API names the run something was taken from; to a person its identifier says nothing.
_IDENTIFIER = re.compile(r"\s*[(（][0-9a-f-]{36}[)）]")


@dataclass(frozen=True)
class ItemView:
    """One item of a step: a row of its own when a list mapped the node. Times in milliseconds from the run's start.

    ``reason`` says why it was reused or had to run; ``again_at`` when the next try begins; ``would`` what it would have
    done, in a dry run; ``request`` is the JSON of what an answer may come from while it waits.
    """

    item: int
    state: str
    attempt: int
    start_ms: int | None
    length_ms: int | None
    seconds: float | None
    cost: int
    error: str
    note: str
    reason: str = ""
    again_at: datetime | None = None
    would: str = ""
    request: str = ""


@dataclass(frozen=True)
class Told:
    """What a running step told last: how far it is, 0 to 1, and in words."""

    fraction: float
    message: str


@dataclass(frozen=True)
class StepView:
    """A node's row: the whole of its items, and the items where there are several."""

    position: int
    node: str
    title: str
    type: str
    whole: ItemView
    items: tuple[ItemView, ...]
    hidden: int
    outputs: str
    told: Told | None


@dataclass(frozen=True)
class RunView:
    """A run's head."""

    run: Run
    done: int
    total: int
    span_ms: int
    live: bool
    cancelling: bool

    @property
    def percent(self) -> int:
        """How much of the run is settled, 0 to 100."""
        return round(100 * self.done / self.total) if self.total else 100

    @property
    def seconds(self) -> float | None:
        """How long the run took, or has taken so far."""
        return self.span_ms / 1000 if self.run.started_at else None


def _ms(run: Run, at: datetime) -> int:
    return max(0, round((at - (run.started_at or run.created_at)).total_seconds() * 1000))


def run_view(run: Run) -> RunView:
    """The head of a run as it is now."""
    now = timezone.now()
    settled = [state.value for state in StepState if state.settled]
    total = len(run_titles(run))
    done = Step.objects.filter(run_id=run.id, state__in=settled).values("position").distinct().count()
    end = run.finished_at or now
    return RunView(
        run,
        min(done, total),
        total,
        max(1, _ms(run, end)),
        not RunState(run.state).ended,
        run.cancel_requested_at is not None and run.finished_at is None,
    )


def _item(run: Run, step: Step) -> ItemView:
    error = step.error or {}
    # Stored in the site's own language; what has nothing filled in can be said in the reader's.
    stored = error.get("message")
    told = gettext(stored) if stored else ""
    start = _ms(run, step.started_at) if step.started_at else None
    length = _ms(run, step.finished_at) - (start or 0) if start is not None and step.finished_at else None
    reason = "" if step.state == StepState.SKIPPED else _IDENTIFIER.sub("", reason_text(step.cache_reason))
    return ItemView(
        step.item,
        step.state,
        step.attempt,
        start,
        length,
        length / 1000 if length is not None else None,
        step.cost,
        told if step.state in (StepState.FAILED, StepState.CANCELLED) else "",
        told if step.state == StepState.SKIPPED else reason,
        reason,
        step.wake_at if step.state == StepState.PENDING else None,
        told if error.get("code") == "dry-run" else "",
        json.dumps(step.request) if step.request and step.state == StepState.WAITING else "",
    )


# When items differ, the row shows the most pressing state.
_PRESSING = ["failed", "running", "waiting", "ready", "cancelled", "pending", "completed", "cached", "skipped"]


def _whole(items: list[ItemView]) -> ItemView:
    if len(items) == 1:
        return items[0]
    first = min(items, key=lambda item: _PRESSING.index(item.state))
    starts = [item.start_ms for item in items if item.start_ms is not None]
    ends = [
        item.start_ms + item.length_ms for item in items if item.start_ms is not None and item.length_ms is not None
    ]
    start = min(starts) if starts else None
    length = max(ends) - start if start is not None and len(ends) == len(items) else None
    seconds = length / 1000 if length is not None else None
    cost = sum(item.cost for item in items)
    return replace(first, item=0, start_ms=start, length_ms=length, seconds=seconds, cost=cost)


def step_views(run: Run, steps: Iterable[Step], told: Mapping[str, Told] | None = None) -> list[StepView]:
    """Rows for these steps; those of one position must all be there. Only what still runs shows what it told."""
    titles = run_titles(run)
    groups: dict[int, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.position, []).append(step)
    views = []
    for position, group in sorted(groups.items()):
        items = [_item(run, step) for step in group]
        several = tuple(items[:ITEMS_SHOWN]) if len(items) > 1 else ()
        head, whole = group[0], _whole(items)
        views.append(
            StepView(
                position,
                head.node,
                titles.get(head.node, head.node),
                head.type,
                whole,
                several,
                max(0, len(items) - len(several)) if several else 0,
                _outputs(group),
                (told or {}).get(head.node) if whole.state == StepState.RUNNING else None,
            )
        )
    return views


def _outputs(group: list[Step]) -> str:
    """What the node made, as the canvas takes it: `{port: value}`, lists where a list mapped the node."""
    made = [step.outputs for step in group if step.outputs and step.state in (StepState.COMPLETED, StepState.CACHED)]
    if not made:
        return "{}"
    if len(group) == 1:
        return json.dumps(_short(made[0]))
    return json.dumps({port: [_short(one.get(port)) for one in made[:ITEMS_SHOWN]] for port in made[0]})


def _short(value: Any) -> Any:
    """Long texts are cut: the canvas shows a glimpse, the API has the whole."""
    if isinstance(value, str) and len(value) > 2000:
        return value[:2000] + "…"
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value[:ITEMS_SHOWN]]
    return value


def console_context(run: Run) -> dict[str, Any]:
    """Everything the console shows at once."""
    steps, more = steps_page(run, limit=STEPS_SHOWN, cursor=None)
    logs = RunEvent.objects.filter(run_id=run.id, kind="step_log").order_by("-seq")[:LOG_SHOWN]
    titles = run_titles(run)
    return {
        "view": run_view(run),
        "run": run,
        "steps": step_views(run, steps, _told(run)),
        "more": more is not None,
        "logs": [log_line(event.at, event.body, titles) for event in reversed(logs)],
        "seq": run.last_seq,
    }


def _told(run: Run) -> dict[str, Told]:
    """The newest progress of each step of a run that is under way."""
    if RunState(run.state).ended:
        return {}
    bodies = (
        RunEvent.objects.filter(run_id=run.id, kind="step_progress").order_by("-seq").values_list("body", flat=True)
    )
    return progress_told(reversed(bodies[:TOLD_READ]))


def progress_told(bodies: Iterable[Mapping[str, Any]]) -> dict[str, Told]:
    """What the bodies of ``step_progress`` events say in the end, by node."""
    return {body["node"]: Told(body["progress"], body.get("message", "")) for body in bodies}


def log_line(at: datetime, body: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    """One line of the log."""
    return {"at": at, "title": titles.get(body["node"], body["node"]), "line": body["line"]}
