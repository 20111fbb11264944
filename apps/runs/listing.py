"""A run's steps as a list: what the journal has, and what the plan says is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.common.paging import bad_cursor, cursor_decode, cursor_encode, limit_check
from apps.engine.states import StepState
from apps.runs.models import Attempt, Run, Step
from apps.runs.plans import run_plan
from apps.runs.reasons import reason_text
from apps.runs.waits import place_of, request_shown


def attempts_of(run: Run, steps: Sequence[Step]) -> dict[tuple[int, int], list[Attempt]]:
    """The earlier tries of these steps, by position and item, oldest first."""
    tried = {step.position for step in steps if step.attempt > 1 or step.wake_at}
    found: dict[tuple[int, int], list[Attempt]] = {}
    if tried:
        for one in Attempt.objects.filter(run_id=run.id, position__in=tried).order_by("attempt"):
            found.setdefault((one.position, one.item), []).append(one)
    return found


def step_json(
    run: Run,
    step: Step,
    attempts: Sequence[Attempt] = (),
    child: UUID | None = None,
    *,
    may_answer: bool = False,
) -> dict[str, Any]:
    """A step as the API shows it. ``attempts`` are the failed tries before the present one, ``child`` the run it is.

    ``may_answer`` shows the address that a callback is posted to.
    """
    return {
        "node": step.node,
        "item": step.item,
        "type": step.type,
        "state": step.state,
        "attempt": step.attempt,
        "cached": step.state == StepState.CACHED,
        "cache_reason": reason_text(step.cache_reason) or None,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "attempts": [
            {name: getattr(one, name) for name in ("attempt", "error", "cost", "started_at", "finished_at")}
            for one in attempts
        ],
        "again_at": step.wake_at if step.state == StepState.PENDING else None,
        "inputs": step.inputs,
        # Until it is over, what a waiting step keeps is what it would give if nobody answered.
        "outputs": None if step.state == StepState.WAITING else step.outputs,
        "request": request_shown(
            place_of(step), step.request, may_answer=may_answer and step.state == StepState.WAITING
        ),
        "cost": step.cost,
        "error": step.error,
        "run": child,
        "logs_url": f"/api/v1/runs/{run.id}/steps/{step.node}/{step.item}/logs",
    }


def steps_page(run: Run, *, limit: int, cursor: str | None) -> tuple[list[Step], str | None]:
    """Up to ``limit`` steps in plan order and the next cursor; steps without a row yet are ``pending``."""
    limit_check(limit)
    position, item = _place(cursor) if cursor else (-1, 0)
    rows = list(
        Step.objects.filter(run_id=run.id).filter(**_after(position, item)).order_by("position", "item")[: limit + 1]
    )
    plan = run_plan(run)
    end = rows[-1].position if len(rows) > limit else len(plan.steps)
    known = {row.position for row in rows} | {position}
    coming = [
        Step(
            run_id=run.id, position=step.position, item=0, node=step.node, type=step.type.type, state=StepState.PENDING
        )
        for step in plan.steps[max(position, 0) : end]
        if step.position not in known
    ]
    steps = sorted([*rows, *coming], key=lambda step: (step.position, step.item))
    if len(steps) <= limit:
        return steps, None
    return steps[:limit], cursor_encode([steps[limit - 1].position, steps[limit - 1].item])


def _place(cursor: str) -> tuple[int, int]:
    position, item = cursor_decode(cursor, 2)
    if not all(isinstance(part, int) and 0 <= part < 2**31 for part in (position, item)):
        raise bad_cursor()
    return position, item


def _after(position: int, item: int) -> dict[str, Any]:
    """Rows after a place, as one comparison that the primary key serves."""
    return {"pk__gt": (F("run_id"), position, item)} if position >= 0 else {}


def children_of(run: Run) -> dict[tuple[int, int], UUID]:
    """The runs that are steps of a run, by position and item; of several attempts the last."""
    rows = Run.objects.filter(parent_id=run.id).order_by("parent_attempt")
    return {(row[0], row[1]): row[2] for row in rows.values_list("parent_position", "parent_item", "id")}


def run_titles(run: Run) -> dict[str, str]:
    """What each node of the run is called."""
    return {step.node: step.title for step in run_plan(run).steps}
