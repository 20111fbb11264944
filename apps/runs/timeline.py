"""A run's steps with their place in time: one row for each node, however many items it has, in a few bounded queries.

A step that runs once shows every try as a bar of its own, with the pause before the next and the time it stood ready.
A step that a list mapped is one row too; its items are read a page at a time when somebody looks at them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext

from apps.common.states import look_of
from apps.engine.node_types import Effect
from apps.engine.plan import PlanStep
from apps.engine.states import StepState
from apps.runs.approvals import decision_text
from apps.runs.models import APPROVAL_TYPE, STEP_EMITTED, Attempt, Run, Step
from apps.runs.paths import sources_of
from apps.runs.plans import run_plan
from apps.runs.reasons import why_text
from apps.runs.spread import PRESSING, spread_text

ITEMS_SHOWN = 50
# Of a list that is still being worked on, the canvas gets a glimpse; the whole comes once it is there.
ITEMS_GLIMPSED = 12
# Shorter than this, standing ready is not worth a mark, milliseconds.
QUEUE_SHOWN_MS = 5
_LIGHT = (
    "position", "item", "node", "type", "state", "attempt", "error", "cost", "cache_reason", "request",
    "started_at", "finished_at", "dispatched_at", "wake_at",
)  # fmt: skip
_SETTLED = [state.value for state in StepState if state.settled]


@dataclass(frozen=True)
class Told:
    """What a running step told last: how far it is, 0 to 1, and in words; ``text`` is the end of what it writes."""

    fraction: float
    message: str
    text: str = ""


@dataclass(frozen=True)
class Bar:
    """A stretch of a row, milliseconds from the run's start; without a length it goes on.

    ``kind`` is a step's state, or "queue" (ready, not begun), "try" (a failed try that another followed) or "pause"
    (until that other). ``tip`` is said on hover and focus.
    """

    kind: str
    start: int
    length: int | None
    tip: str = ""


@dataclass(frozen=True)
class RowView:
    """A line of the console: a step, or one item of it."""

    position: int
    node: str
    item: int
    title: str
    type: str
    state: str
    attempt: int
    bars: tuple[Bar, ...]
    seconds: float | None
    cost: int
    error: str
    note: str
    again_at: datetime | None = None
    # What it waits for while it waits: "approval", "callback" or ""; how many items do, and which is the first.
    waits: str = ""
    asks: int = 0
    asked: int = 0
    # Why it was reused or had to run; what it would have done, in a dry run; JSON of what it waits for an answer to.
    reason: str = ""
    would: str = ""
    request: str = ""
    # How many items the step has, when a list mapped it, and how they are, in words.
    items: int = 0
    spread: str = ""
    outputs: str = "{}"
    told: Told | None = None

    @property
    def word(self) -> str:
        """The state in words."""
        return str(look_of(self.state).word)

    @property
    def kind(self) -> str:
        """The node type as people read it."""
        return kind_of(self.type)


@dataclass(frozen=True)
class Group:
    """The items of a mapped step, summed up by the database."""

    counts: Mapping[str, int]
    start: datetime | None
    end: datetime | None
    cost: int
    error: str
    # What items wait for an answer to, and the first of them.
    waits: str = ""
    asked: int = 0

    @property
    def state(self) -> str:
        """The most pressing state among the items."""
        return min(self.counts, key=PRESSING.index)


class Clock:
    """Moments of one run as milliseconds from its start."""

    def __init__(self, run: Run) -> None:
        self.zero = run.started_at or run.created_at

    def ms(self, at: datetime) -> int:
        """Never before the start: clocks of two machines differ."""
        return max(0, round((at - self.zero).total_seconds() * 1000))

    def bar(self, kind: str, start: datetime, end: datetime | None, tip: str = "") -> Bar:
        """A stretch between two moments."""
        begun = self.ms(start)
        return Bar(kind, begun, max(0, self.ms(end) - begun) if end else None, tip)


class Timeline:
    """Rows for some positions of a run. Reads lazily; at most one query for each part."""

    def __init__(self, run: Run, positions: Sequence[int], told: Mapping[str, Told] | None = None) -> None:
        self.run, self.plan, self.clock = run, run_plan(run), Clock(run)
        self.positions, self.told = positions, told or {}

    def rows(self) -> list[RowView]:
        """One for each position, in plan order; what has no row in the journal yet is pending."""
        return [self._row(self.plan.steps[position]) for position in self.positions]

    @cached_property
    def _steps(self) -> dict[int, Step]:
        rows = Step.objects.filter(run_id=self.run.id, position__in=self.positions, item=0).only(*_LIGHT)
        return {row.position: row for row in rows}

    @cached_property
    def _groups(self) -> dict[int, Group]:
        several = Step.objects.filter(run_id=self.run.id, position__in=self.positions, item=1).values("position")
        rows = (
            Step.objects.filter(run_id=self.run.id, position__in=several)
            .values("position", "state")
            .annotate(
                count=Count("item"),
                start=Min("started_at"),
                end=Max("finished_at"),
                sum=Sum("cost"),
                message=Min(KeyTextTransform("message", "error")),
                kind=Min(KeyTextTransform("kind", "request")),
                first=Min("item"),
            )
            .order_by("position")
        )
        return {position: _group(list(parts)) for position, parts in groupby(rows, key=lambda row: row["position"])}

    @cached_property
    def _tries(self) -> dict[int, list[Attempt]]:
        return tries_of(self.run, [at for at, row in self._steps.items() if row.attempt > 1 or row.wake_at], item=0)

    @cached_property
    def _ready(self) -> dict[int, datetime]:
        """When each position had all that it needs."""
        needed = {source for at in self.positions for source in sources_of(self.plan.steps[at])}
        ends = Step.objects.filter(run_id=self.run.id, position__in=needed).values_list("position")
        ended = dict(ends.annotate(end=Max("finished_at")).order_by()) if needed else {}
        return {at: self._ready_at(self.plan.steps[at], ended) for at in self.positions}

    def _ready_at(self, step: PlanStep, ended: Mapping[int, datetime | None]) -> datetime:
        return max((end for source in sources_of(step) if (end := ended.get(source))), default=self.clock.zero)

    @cached_property
    def _made(self) -> dict[int, dict[int, Any]]:
        rows = Step.objects.filter(
            run_id=self.run.id, position__in=self.positions, item__lt=ITEMS_SHOWN, state__in=STEP_EMITTED
        ).order_by("position", "item")
        found: dict[int, dict[int, Any]] = {}
        for position, item, outputs in rows.values_list("position", "item", "outputs"):
            if outputs:
                found.setdefault(position, {})[item] = outputs
        return found

    def _row(self, step: PlanStep) -> RowView:
        row = self._steps.get(step.position)
        if row is None:
            return RowView(step.position, step.node, 0, step.title, step.type.type, "pending", 1, (), None, 0, "", "")
        made = self._made.get(step.position, {})
        group = self._groups.get(step.position)
        if group is not None:
            return self._varied(step, group, made) if step.variants else self._several(step, group, made)
        view = self._single(step, row, made.get(0))
        told = self.told.get(step.node) if row.state == StepState.RUNNING else None
        outputs = json.dumps(short(made[0]), separators=(",", ":")) if 0 in made else "{}"
        return replace(view, told=told, outputs=outputs)

    def _single(self, step: PlanStep, row: Step, outputs: Mapping[str, Any] | None) -> RowView:
        tries = self._tries.get(row.position, [])
        return row_view(self.clock, step, row, tries, ready=self._ready.get(row.position), outputs=outputs)

    def _several(self, step: PlanStep, group: Group, made: Mapping[int, Any]) -> RowView:
        open_ = any(state not in _SETTLED for state in group.counts)
        bars = (self.clock.bar(group.state, group.start, None if open_ else group.end),) if group.start else ()
        seconds = (group.end - group.start).total_seconds() if group.start and group.end and not open_ else None
        shown = list(made.values())[: ITEMS_GLIMPSED if open_ else ITEMS_SHOWN]
        outputs = {port: [short(one.get(port)) for one in shown] for port in shown[0]} if shown else {}
        told = self.told.get(step.node) if group.state == StepState.RUNNING else None
        return RowView(
            step.position, step.node, 0, step.title, step.type.type, group.state, 1, bars, seconds, group.cost,
            group.error, "", items=sum(group.counts.values()), spread=spread_text(group.counts),
            outputs=json.dumps(outputs, separators=(",", ":")), told=told, waits=group.waits, asked=group.asked,
            asks=group.counts["waiting"] if group.waits else 0,
            request=json.dumps({"kind": group.waits}) if group.waits else "",
        )  # fmt: skip

    @cached_property
    def _choices(self) -> dict[int, Step]:
        """The choices among variants, by position."""
        last = {at: len(self.plan.steps[at].variants) for at in self.positions if self.plan.steps[at].variants}
        rows = Step.objects.filter(run_id=self.run.id, position__in=last, item__in=set(last.values()))
        return {row.position: row for row in rows if row.item == last[row.position]}

    def _varied(self, step: PlanStep, group: Group, made: Mapping[int, Any]) -> RowView:
        """A step with variants is as its choice is, once there is one; what it gives is what was chosen."""
        count, choice = len(step.variants), self._choices.get(step.position)
        variants = {item: outputs for item, outputs in made.items() if item < count}
        if choice is None:
            return self._several(step, group, variants)
        counts = dict(group.counts)
        counts[choice.state] -= 1
        group = replace(group, counts={state: n for state, n in counts.items() if n}, waits="")
        found = self._several(step, group, variants)
        error = error_text(choice.error or {})
        waiting = choice.state == StepState.WAITING
        request = json.dumps({**(choice.request or {}), "places": sorted(variants)}) if choice.request else ""
        return replace(
            found, state=choice.state, error=error if choice.state == StepState.FAILED else "", request=request,
            note=error if choice.state == StepState.SKIPPED else "", asks=int(waiting), asked=count,
            waits="choice" if waiting else "",
        )  # fmt: skip


def tries_of(run: Run, positions: Iterable[int], *, item: int | None = None) -> dict[int, list[Attempt]]:
    """The failed tries that others followed, by position."""
    wanted = list(positions)
    if not wanted:
        return {}
    rows = Attempt.objects.filter(run_id=run.id, position__in=wanted).order_by("position", "item", "attempt")
    if item is not None:
        rows = rows.filter(item=item)
    return {position: list(group) for position, group in groupby(rows, key=lambda row: row.position)}


def row_view(
    clock: Clock,
    step: PlanStep,
    row: Step,
    tries: Sequence[Attempt],
    *,
    ready: datetime | None = None,
    outputs: Mapping[str, Any] | None = None,
) -> RowView:
    """A step's line from its row, its earlier tries and its outputs; ``ready`` is when it had all that it needs."""
    error = row.error or {}
    told = error_text(error)
    seconds = (row.finished_at - row.started_at).total_seconds() if row.started_at and row.finished_at else None
    # What a waiting row holds are the outputs of its time-out.
    decided = _decided(step, outputs) if row.state in STEP_EMITTED else ""
    note = told if row.state == StepState.SKIPPED else decided or why_text(row.cache_reason)
    failed = row.state in (StepState.FAILED, StepState.CANCELLED) or (row.state == StepState.PENDING and bool(error))
    return RowView(
        row.position, row.node, row.item, step.title, row.type, row.state, row.attempt,
        tuple(_bars(clock, step, row, tries, ready)),
        seconds if row.state != StepState.CACHED else None,
        row.cost + sum(one.cost for one in tries),
        told if failed else "",
        note,
        again_at=row.wake_at if row.state == StepState.PENDING else None,
        waits=(row.request or {}).get("kind", "") if row.state == StepState.WAITING else "",
        asks=1 if row.request and row.state == StepState.WAITING else 0,
        asked=row.item,
        reason="" if row.state == StepState.SKIPPED else why_text(row.cache_reason),
        would=told if error.get("code") == "dry-run" else "",
        request=json.dumps(row.request) if row.request and row.state == StepState.WAITING else "",
    )  # fmt: skip


def _decided(step: PlanStep, outputs: Mapping[str, Any] | None) -> str:
    """The decision of an approval that is over, as one sentence; "" for any other step."""
    return decision_text((outputs or {}).get("decision")) if step.type.type == APPROVAL_TYPE else ""


def kind_of(type_: str) -> str:
    """A node type as people read it: which workflow a node stands for is said by its title."""
    return "workflow" if type_.startswith("workflow.") else type_


def error_text(error: Mapping[str, Any]) -> str:
    """What went wrong; stored in the site's own language, and a sentence without fillings is said in the reader's."""
    stored = error.get("message")
    return gettext(stored) if stored else ""


def _bars(clock: Clock, step: PlanStep, row: Step, tries: Sequence[Attempt], ready: datetime | None) -> Iterable[Bar]:
    begun = tries[0].started_at if tries else row.started_at or (row.dispatched_at and timezone.now())
    if ready and begun and row.state != StepState.CACHED and clock.ms(begun) - clock.ms(ready) >= QUEUE_SHOWN_MS:
        waits_still = not tries and row.started_at is None
        yield clock.bar("queue", ready, None if waits_still else begun)
    for one, following in pairwise([*tries, None]):
        assert one is not None
        yield clock.bar("try", one.started_at or one.finished_at, one.finished_at, _try_tip(one))
        until = following.started_at if following else row.dispatched_at or row.started_at or row.wake_at
        if until and until > one.finished_at:
            yield clock.bar("pause", one.finished_at, until)
    if tries and row.dispatched_at and row.started_at and row.dispatched_at < row.started_at:
        yield clock.bar("queue", row.dispatched_at, row.started_at)
    if row.started_at is None or row.state == StepState.PENDING:
        return
    if row.state == StepState.CACHED:
        yield clock.bar("cached", row.started_at, row.started_at, why_text(row.cache_reason))
        return
    waited = step.type.effect is Effect.WAIT and row.state == StepState.COMPLETED
    tip = error_text(row.error or {}) if row.state == StepState.FAILED else ""
    yield clock.bar("waiting" if waited else row.state, row.started_at, row.finished_at, tip)


def _try_tip(one: Attempt) -> str:
    return gettext("Attempt %(number)s: %(error)s") % {"number": one.attempt, "error": error_text(one.error)}


def _group(parts: list[Mapping[str, Any]]) -> Group:
    starts = [part["start"] for part in parts if part["start"]]
    ends = [part["end"] for part in parts if part["end"]]
    errors = [part["message"] for part in parts if part["message"] and part["state"] in ("failed", "pending")]
    asking = next((part for part in parts if part["state"] == StepState.WAITING and part["kind"]), None)
    return Group(
        {part["state"]: part["count"] for part in parts},
        min(starts, default=None),
        max(ends, default=None),
        sum(part["sum"] for part in parts),
        errors[0] if errors else "",
        asking["kind"] if asking else "",
        asking["first"] if asking else 0,
    )


def short(value: Any) -> Any:
    """Long texts are cut: the canvas shows a glimpse, the API has the whole."""
    if isinstance(value, str) and len(value) > 2000:
        return value[:2000] + "…"
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [short(item) for item in value[:ITEMS_SHOWN]]
    return value


def item_rows(run: Run, step: PlanStep, *, page: int) -> list[RowView]:
    """A page of the items of a mapped step."""
    first = page * ITEMS_SHOWN
    rows = Step.objects.filter(
        run_id=run.id, position=step.position, item__gte=first, item__lt=first + ITEMS_SHOWN
    ).order_by("item")
    asks = step.type.type == APPROVAL_TYPE
    steps = list(rows.only(*_LIGHT, *(("outputs",) if asks else ())))
    tried = Attempt.objects.filter(
        run_id=run.id, position=step.position, item__gte=first, item__lt=first + ITEMS_SHOWN
    ).order_by("item", "attempt")
    tries = {item: list(group) for item, group in groupby(tried, key=lambda one: one.item)}
    clock = Clock(run)
    return [
        row_view(
            clock, step, row, tries.get(row.item, []), ready=row.dispatched_at, outputs=row.outputs if asks else None
        )
        for row in steps
    ]
