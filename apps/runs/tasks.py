"""Celery shells around the driver and the lanes. The loop "what is next" closes only here."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from apps.common.lanes import lane_task, messages_wanted
from apps.engine.node_types import Lane
from apps.runs import driver, execution, reuse, sweeps
from apps.runs.execution import Bells

BEAT = {
    "runs-reuse-limits": {"task": "apps.runs.tasks.evict_results", "schedule": 600.0},
    "runs-timers-and-dead-drivers": {"task": "apps.runs.tasks.sweep_runs", "schedule": 1.0},
    "runs-dead-workers": {"task": "apps.runs.tasks.sweep_steps", "schedule": 3.0},
}


@lane_task("control")
def advance_run(*, run_id: str, **_: object) -> None:
    """Drive a run, then let lanes look for the steps that it dispatched."""
    for lane, count in Counter(dispatch.lane for dispatch in driver.advance(UUID(run_id))).items():
        _call(lane, count)


def _call(lane: Lane, count: int = 1) -> None:
    """Let up to ``count`` free places of a lane look for a step; no more messages than are of use wait for one."""
    task = execute_io_step if lane is Lane.IO else execute_work_step
    for _message in range(messages_wanted(f"{lane.value}-steps", count)):
        task.delay()


def _fill(lane: Lane) -> None:
    execution.place_fill(lane, Bells(lambda run_id: advance_run.delay(run_id=str(run_id)), lambda: _call(lane)))


@lane_task("io-steps")
def execute_io_step(**_: object) -> None:
    """A place for steps that wait for others: in a thread."""
    _fill(Lane.IO)


# The step's own limits end it; these are for a worker that hangs. A message that the broker delivers again meanwhile
# is one more look.
@lane_task("work-steps", soft_time_limit=4 * 3600, time_limit=4 * 3600 + 60)
def execute_work_step(**_: object) -> None:
    """A place for steps that need a processor: each in a child of a process."""
    _fill(Lane.WORK)


@lane_task("control")
def sweep_runs(**_: object) -> None:
    """Wake runs whose time has come or whose driver died."""
    for run_id in sweeps.runs_due():
        advance_run.delay(run_id=str(run_id))


@lane_task("control")
def sweep_steps(**_: object) -> None:
    """Take from dead workers what they held, and call where steps wait and nobody is called."""
    for lane, count in sweeps.lanes_due().items():
        _call(lane, count)


@lane_task("control")
def evict_results(**_: object) -> None:
    """Keep what may be reused within its limits."""
    reuse.entries_evict()
