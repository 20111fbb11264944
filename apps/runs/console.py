"""What a page or a fragment shows of a run: its head, its steps with their place in time, its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext

from apps.common.states import look_of
from apps.engine.states import RunState, StepState
from apps.runs.admission import waits_for
from apps.runs.listing import run_titles
from apps.runs.models import Run, RunEvent, Step
from apps.runs.paths import longest_path
from apps.runs.timeline import Clock, Timeline, Told

STEPS_SHOWN = 500
LOG_SHOWN = 500
TOLD_READ = 200
_OPEN = [state.value for state in StepState if not state.settled]


@dataclass(frozen=True)
class Counts:
    """Steps (their items counted one by one) by how they ended, and what reuse saved in micro-credits."""

    reused: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    retried: int = 0
    would: int = 0
    saved: int = 0


@dataclass(frozen=True)
class RunView:
    """A run's head. ``path`` is the chain of positions its length hangs on, once it is over."""

    run: Run
    done: int
    total: int
    span_ms: int
    live: bool
    cancelling: bool
    counts: Counts
    path: str
    from_title: str

    @property
    def mark(self) -> str:
        """The state whose shape is shown."""
        return "cancelled" if self.cancelling else self.run.state

    @property
    def shape(self) -> str:
        """The name of the state's hue."""
        return look_of(self.mark).shape

    @property
    def word(self) -> str:
        """The state in words."""
        return str(look_of(self.run.state).word)

    @property
    def waits_for(self) -> str | None:
        """Why it has not begun, where that is a limit of its workspace."""
        return waits_for(self.run)

    @property
    def seconds(self) -> float | None:
        """How long the run took, or has taken so far."""
        return self.span_ms / 1000 if self.run.started_at else None


def run_view(run: Run) -> RunView:
    """The head of a run as it is now."""
    titles = run_titles(run)
    ended = RunState(run.state).ended
    done, counts = _counted(run)
    return RunView(
        run,
        min(done, len(titles)),
        len(titles),
        max(1, Clock(run).ms(run.finished_at or timezone.now())),
        not ended,
        run.cancel_requested_at is not None and run.finished_at is None,
        counts,
        " ".join(map(str, longest_path(run))) if ended else "",
        titles.get(run.from_node, run.from_node),
    )


def _counted(run: Run) -> tuple[int, Counts]:
    """How many positions are settled, and the steps by how they ended."""
    found = Step.objects.filter(run_id=run.id).aggregate(
        seen=Count("position", distinct=True),
        open=Count("position", distinct=True, filter=Q(state__in=_OPEN)),
        reused=Count("item", filter=Q(state=StepState.CACHED)),
        failed=Count("item", filter=Q(state=StepState.FAILED)),
        skipped=Count("item", filter=Q(state=StepState.SKIPPED) & ~Q(error__code="dry-run")),
        would=Count("item", filter=Q(state=StepState.SKIPPED, error__code="dry-run")),
        cancelled=Count("item", filter=Q(state=StepState.CANCELLED)),
        retried=Count("item", filter=Q(attempt__gt=1)),
    )
    seen, open_ = found.pop("seen"), found.pop("open")
    saved = reuse_saved(run) if found["reused"] and run.finished_at else 0
    return seen - open_, Counts(**found, saved=saved)


def reuse_saved(run: Run) -> int:
    """What the reused steps of a run cost when they were made, micro-credits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(sum(made.cost), 0)::bigint FROM runs_step AS step
            JOIN runs_cacheentry AS entry ON entry.workspace_id = step.workspace_id AND entry.key = step.cache_key
            JOIN runs_step AS made
                ON made.run_id = entry.run_id AND made.position = entry.position AND made.item = entry.item
            WHERE step.run_id = %s AND step.state = 'cached' AND made.run_id <> step.run_id
            """,
            [run.id],
        )
        return int(cursor.fetchone()[0])


def steps_shown(run: Run, first: int = 0, count: int = STEPS_SHOWN) -> dict[str, Any]:
    """A page of the steps: so many positions from ``first`` on, and where the next page begins."""
    total = len(run_titles(run))
    end = min(total, first + count)
    return {
        "steps": Timeline(run, range(first, end), _told(run)).rows(),
        "more": end if end < total else None,
        "shown": end,
        "total": total,
    }


def console_context(run: Run) -> dict[str, Any]:
    """Everything the console shows at once."""
    logs = RunEvent.objects.filter(run_id=run.id, kind="step_log").order_by("-seq")[:LOG_SHOWN]
    titles = run_titles(run)
    return {
        "view": run_view(run),
        "run": run,
        "short": short_id(run),
        **steps_shown(run),
        "logs": [log_line(event.at, event.body, titles) for event in reversed(logs)],
        "seq": run.last_seq,
        "part_of": _part_of(run),
    }


def _part_of(run: Run) -> str:
    """The step of its parent that a run is, in words; empty for a run of its own."""
    if run.parent is None:
        return ""
    titles = list(run_titles(run.parent).values())
    title = titles[run.parent_position] if run.parent_position is not None else ""
    attempt = run.parent_attempt or 1
    again = gettext("attempt %(attempt)s") % {"attempt": attempt} if attempt > 1 else ""
    item = gettext("item %(number)s") % {"number": run.parent_item} if run.parent_item else ""
    return " · ".join(part for part in (title, item, again) if part)


def short_id(run: Run) -> str:
    """What tells this run's rows from another's on a page; the whole id in every row would be most of the bytes."""
    return run.id.hex[-8:]


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
    return {body["node"]: Told(body["progress"], body.get("message", ""), body.get("text", "")) for body in bodies}


def log_line(at: datetime, body: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    """One line of the log."""
    return {"at": at, "title": titles.get(body["node"], body["node"]), "line": body["line"]}
