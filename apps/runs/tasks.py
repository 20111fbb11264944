"""Celery shells around the driver and the lanes. The loop "what is next" closes only here."""

from __future__ import annotations

from uuid import UUID

from apps.common.lanes import lane_task
from apps.engine.node_types import Lane
from apps.runs import driver, execution, reuse, sweeps
from apps.runs.drive import Dispatch

BEAT = {
    "runs-reuse-limits": {"task": "apps.runs.tasks.evict_results", "schedule": 600.0},
    "runs-timers-and-dead-drivers": {"task": "apps.runs.tasks.sweep_runs", "schedule": 1.0},
    "runs-dead-workers": {"task": "apps.runs.tasks.sweep_steps", "schedule": 3.0},
}


@lane_task("control")
def advance_run(*, run_id: str, **_: object) -> None:
    """Drive a run, then hand out what it dispatched."""
    for dispatch in driver.advance(UUID(run_id)):
        _send(dispatch)


def _send(dispatch: Dispatch) -> None:
    task = execute_io_step if dispatch.lane is Lane.IO else execute_work_step
    task.delay(run_id=str(dispatch.run_id), position=dispatch.position, item=dispatch.item)


@lane_task("io")
def execute_io_step(*, run_id: str, position: int, item: int, **_: object) -> None:
    """A step that waits for others: in a thread."""
    if execution.execute(UUID(run_id), position, item):
        advance_run.delay(run_id=run_id)


@lane_task("work")
def execute_work_step(*, run_id: str, position: int, item: int, **_: object) -> None:
    """A step that needs a processor: in a process."""
    if execution.execute(UUID(run_id), position, item):
        advance_run.delay(run_id=run_id)


@lane_task("control")
def sweep_runs(**_: object) -> None:
    """Wake runs whose time has come or whose driver died."""
    for run_id in sweeps.runs_due():
        advance_run.delay(run_id=str(run_id))


@lane_task("control")
def sweep_steps(**_: object) -> None:
    """Hand out again what a dead worker held."""
    for dispatch in sweeps.steps_due():
        _send(dispatch)


@lane_task("control")
def evict_results(**_: object) -> None:
    """Keep what may be reused within its limits."""
    reuse.entries_evict()
