"""What a node would be pinned to: what its step gave in a run, as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.execution import Execution, Skip
from apps.engine.node_types import NodeFailure
from apps.engine.plan import Plan, PlanStep
from apps.engine.states import StepState
from apps.runs.models import Run, Step
from apps.runs.plans import run_plan

_Rows = Mapping[tuple[int, int], tuple[str, Any, Any]]


def step_gives(run: Run, wanted: PlanStep) -> Mapping[str, Any] | None:
    """What a step gave by port: of one that a list mapped, the lists of all its items. None when it gave nothing.

    A pin holds for the node, so one result of many would take the place of all of them.
    """
    plan = run_plan(run)
    needed = _needed(plan, wanted)
    rows: _Rows = {
        (position, item): (state, outputs, error)
        for position, item, state, outputs, error in Step.objects.filter(
            run_id=run.id, position__in=needed
        ).values_list("position", "item", "state", "outputs", "error")
    }
    execution = Execution(plan, run.overrides)
    while (step := execution.next_ready()) is not None:
        if step.position not in needed:
            execution.skip(step)
        elif not _replay(execution, step, rows):
            return None
        elif step.position == wanted.position:
            return execution.outputs_of(step)
    return None


def _needed(plan: Plan, wanted: PlanStep) -> set[int]:
    """The positions of a step and of all that it hangs on; in running order each stands behind what it needs."""
    found = {wanted.position}
    for step in reversed(plan.steps[: wanted.position + 1]):
        if step.position in found:
            found.update(position for item in step.inputs for position, _port in item.sources)
    return found


def _replay(execution: Execution, step: PlanStep, rows: _Rows) -> bool:
    """Settle a step as its rows say; whether all of its items have ended."""
    try:
        work = execution.resolve(step, begun=True)
    except NodeFailure:
        return False
    if isinstance(work, Skip):
        execution.skip(step)
        return True
    execution.start(step, work)
    for item in range(len(work.items) + bool(step.variants)):
        state, outputs, error = rows.get((step.position, item), ("pending", None, None))
        if not StepState(state).settled:
            return False
        execution.settle(step, item, StepState(state), {"error": error} if state == StepState.FAILED else outputs)
    return True
