"""Celery shells around the driver and the lanes. The loop "what is next" closes only here."""

from __future__ import annotations

import time
from collections import Counter
from uuid import UUID

from apps.common.lanes import lane_length, lane_task, messages_wanted
from apps.engine.node_types import Lane
from apps.runs import driver, entries, execution, letters, sweeps
from apps.runs.drive import Dispatch, Ring
from apps.runs.execution import Bells

# Where so many messages of new runs wait, the next one names no run: whoever hears it begins all that wait.
CROWD = 2
# Where so many do, the next run needs no message: those of the crowd before it find it.
ENOUGH = 16
# After so long whoever begins runs leaves the rest to the next message: what else the lane has to do is short as well.
BEGIN_S = 0.1

BEAT = {
    "runs-reuse-limits": {"task": "apps.runs.tasks.evict_results", "schedule": 600.0},
    "runs-timers-and-dead-drivers": {"task": "apps.runs.tasks.sweep_runs", "schedule": 0.5},
    "runs-approvals": {"task": "apps.runs.tasks.sweep_approvals", "schedule": 2.0},
    "runs-dead-workers": {"task": "apps.runs.tasks.sweep_steps", "schedule": 3.0},
}


@lane_task("control")
def advance_run(*, run_id: str, **_: object) -> None:
    """Drive a run that has begun, then let lanes look for the steps that it dispatched."""
    _send(driver.advance(UUID(run_id)))


@lane_task("starts")
def begin_runs(*, run_id: str | None = None, **_: object) -> None:
    """Drive a new run; or, when none is named, the pending runs whose turn it is, one after the other."""
    if run_id is not None:
        _send(driver.advance(UUID(run_id)))
        return
    until = time.monotonic() + BEGIN_S
    # Who else hears that there are more says it again.
    found, others = driver.advance_fairest(_begin_more)
    _send(found)
    while others and time.monotonic() < until:
        found, others = driver.advance_fairest()
        _send(found)
    if others:
        _begin_more()


def _begin_more() -> None:
    """Let somebody look for pending runs, unless a message waits that may do so."""
    if messages_wanted("starts", 1, most=1):
        begin_runs.delay()


def begin(run_id: UUID) -> None:
    """Have a new run driven, once its row is committed. Should all messages be lost, the sweep finds it."""
    waiting = lane_length("starts") or 0
    if waiting < CROWD:
        begin_runs.delay(run_id=str(run_id))
    elif waiting < ENOUGH:
        begin_runs.delay()


@lane_task("control")
def advance_runs(*, run_ids: list[str], **_: object) -> None:
    """Drive several runs that woke together, one after the other."""
    for run_id in run_ids:
        _send(driver.advance(UUID(run_id)))


def _send(found: list[Dispatch | Ring]) -> None:
    for lane, count in Counter(one.lane for one in found if isinstance(one, Dispatch)).items():
        _call(lane, count)
    for one in found:
        if isinstance(one, Ring):
            advance_run.apply_async(kwargs={"run_id": str(one.run_id)}, countdown=one.in_s or None)


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
# is one more look; one that a worker took with it when it died need not be, as the tick looks too.
@lane_task("work-steps", retry_on_worker_lost=False, soft_time_limit=4 * 3600, time_limit=4 * 3600 + 60)
def execute_work_step(**_: object) -> None:
    """A place for steps that need a processor: each in a child of a process."""
    _fill(Lane.WORK)


@lane_task("control")
def sweep_runs(**_: object) -> None:
    """Wake runs whose time has come or whose driver died, and have those begun for which there is a place."""
    for share in sweeps.in_shares(sweeps.runs_due()):
        advance_runs.delay(run_ids=[str(run_id) for run_id in share])
    if sweeps.starts_due():
        _begin_more()


@lane_task("control")
def sweep_steps(**_: object) -> None:
    """Take from dead workers what they held, and call where steps wait and nobody is called."""
    for lane, count in sweeps.lanes_due().items():
        _call(lane, count)


@lane_task("control")
def evict_results(**_: object) -> None:
    """Keep what may be reused within its limits."""
    entries.entries_evict()


@lane_task("control")
def sweep_approvals(**_: object) -> None:
    """Write to those who may approve what began to wait."""
    letters.approvals_ask()
    for letter_id in letters.letters_due():
        send_letter.delay(letter_id=str(letter_id))


@lane_task("io")
def send_letter(*, letter_id: str, **_: object) -> None:
    """One mail."""
    letters.letter_send(UUID(letter_id))
