"""One driver per run: everything that is ready, in place where it is cheap, handed out where it is not.

A pass reads the rows that exist, replays them into the pure :class:`~apps.engine.execution.Execution`, and goes on
from there; a pass after a crash is the same pass. What the driver decides goes to the journal; what has an effect
outside happens only after the journal's barrier. When nothing is left but to wait, it lets go of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from apps.billing.services import hold_close
from apps.common.jsons import json_read
from apps.common.statements import prepared
from apps.common.tenancy import scope
from apps.engine.execution import ONE, Execution, Skip
from apps.engine.node_types import Lane, NodeFailure
from apps.engine.plan import PlanStep, step_params
from apps.engine.states import RunState, StepState
from apps.engine.values import inputs_check
from apps.runs import acts, choices, subruns
from apps.runs.drive import Dispatch, Drive, Ring, StepRow, Try
from apps.runs.journal import FenceLost, Journal
from apps.runs.lease import Lease, lease_look, lease_release, lease_take, lease_take_fairest
from apps.runs.plans import plan_of_graph
from apps.runs.records import CANCELLED, Records, error_of
from apps.runs.reuse import ASKED, FINISHED, Past, Reuse
from apps.runs.trouble import trouble_note

log = structlog.get_logger(__name__)

# A timer shorter than this is set in the queue; a longer one is the sweeper's, who is late by half a second at most.
RING_S = 1.5


def advance(run_id: UUID) -> list[Dispatch | Ring]:
    """Drive a run as far as it goes now; answers the steps to hand to the lanes (the task enqueues them)."""
    lease = lease_take(run_id)
    return _drive(lease) if lease else []


def advance_fairest(more: Callable[[], None] = lambda: None) -> tuple[list[Dispatch | Ring], bool]:
    """Drive the pending run whose turn it is, as :func:`advance`; and whether others wait beside it.

    If so, ``more`` is called before.
    """
    lease, others = lease_take_fairest()
    if others:
        more()
    return (_drive(lease) if lease else []), others


def _drive(lease: Lease) -> list[Dispatch | Ring]:
    with structlog.contextvars.bound_contextvars(run=str(lease.run_id)), scope(lease.workspace_id):
        driver = None
        try:
            driver = Driver(lease)
            driver.drive()
        except FenceLost:
            log.info("another driver took the run", action="fence_lost", fence=lease.fence)
        except (InterfaceError, OperationalError):
            raise  # the database's troubles pass; the run is taken up when they have
        except Exception as accident:
            trouble_note(lease, accident)
        return driver.now.dispatched if driver else []


class Driver:
    """Drives one run while it holds the lease."""

    def __init__(self, lease: Lease) -> None:
        plan = plan_of_graph(lease.graph_id, lease.targets)
        journal = Journal(lease.run_id, lease.fence, settings.RUN_LEASE_S, lease.previous_id)
        variables = {**plan.variables, **lease.variables}
        cancelled = lease.cancel_requested_at is not None
        self.now = Drive(lease, plan, journal, Records(journal), variables, lease.wakes, cancelled)
        self.reuse = Reuse(
            Past(
                lease.workspace_id,
                lease.created_at,
                lease.from_run_id,
                lease.from_node,
                lease.previous_id,
                lease.cleared,
            ),
            variables,
        )

    def drive(self) -> None:
        """Pass after pass until the run is over or only waiting is left."""
        now = self.now
        if not now.lease.started:
            now.journal.event("run_started", timezone.now(), {"steps": len(now.plan.steps)})
        while True:
            self._pass()
            if now.execution.over:
                self._finish()
                return
            state = RunState.RUNNING if now.busy else RunState.WAITING
            if not now.journal.empty:
                # Watchers look as soon as this is written, and must see the state that the run is left in.
                now.journal.flush(state=state)
            if lease_release(now.lease, wakes=now.wakes, state=state, wake_at=now.wake_at):
                self._ring()
                return
            look = lease_look(now.lease)
            if look is None:
                raise FenceLost(FenceLost.__doc__)
            now.wakes, now.cancelled = look[0], look[1] is not None

    def _ring(self) -> None:
        """What is due within a moment gets a message of its own; the sweeper looks twice a second."""
        now = self.now
        if now.wake_at is not None and (left := (now.wake_at - timezone.now()).total_seconds()) < RING_S:
            now.dispatched.append(Ring(now.lease.run_id, max(0.02, left)))

    def _pass(self) -> None:
        now = self.now
        now.renew(Execution(now.plan, now.lease.overrides), self._load())
        if now.cancelled:
            now.execution.stop(CANCELLED)
        self._stop_as_before()
        while (step := now.execution.next_ready()) is not None:
            self._step(step)
            self._keep_up()

    def _stop_as_before(self) -> None:
        """What failed the run in a pass before stops this one from the start, wherever its step stands in the plan."""
        now = self.now
        for position, item in now.failures:
            step, error = now.plan.steps[position], now.rows[position, item].error or {}
            if (not step.variants or item == len(step.variants)) and not step.policy.handles(error):
                now.execution.stop_at(step)

    def _keep_up(self) -> None:
        """Write what has gathered, which keeps the lease, and hear of a cancel."""
        now = self.now
        if now.journal.due:
            now.journal.flush()
        if now.journal.cancel_asked and not now.cancelled:
            now.cancelled = True
            now.execution.stop(CANCELLED)

    def _load(self) -> dict[tuple[int, int], StepRow]:
        if self.now.lease.fence == 1 and self.now.journal.written == 0:
            return {}  # nobody held this run before, so nothing was written
        with prepared() as cursor:
            cursor.execute(
                """
                SELECT position, item, state, attempt, outputs::text, wake_at, error::text, encode(cache_key, 'hex'),
                    request IS NOT NULL
                FROM runs_step WHERE run_id = %s
                """,
                [self.now.lease.run_id],
            )
            return {
                (row[0], row[1]): StepRow(StepState(row[2]), row[3], _json(row[4]), row[5], _json(row[6]), *row[7:])
                for row in cursor.fetchall()
            }

    def _step(self, step: PlanStep) -> None:
        execution, records = self.now.execution, self.now.records
        first = self.now.rows.get((step.position, 0))
        begun = step.position in self.now.begun
        try:
            work = execution.resolve(step, begun=begun)
        except NodeFailure as failure:
            error = error_of(failure)
            if not begun:
                records.record(step, 0, StepState.FAILED, error=error)
            execution.start(step, ONE)
            execution.settle(step, 0, StepState.FAILED, {"error": error})
            return
        if isinstance(work, Skip):
            state = StepState.CANCELLED if work.reason == CANCELLED else StepState.SKIPPED
            if not begun:
                records.record(step, 0, state, error={"code": state.value, "message": work.reason})
            execution.skip(step, first.state if first and begun else state)
            return
        execution.start(step, work)
        if not work.items and not begun:
            records.record(step, 0, StepState.COMPLETED, outputs=execution.outputs_of(step))
        for item, inputs in enumerate(work.items):
            if item:
                self._keep_up()
            self._item(step, item, inputs)
        if step.variants:
            choices.follow(self.now, step)

    def _item(self, step: PlanStep, item: int, inputs: Mapping[str, Any]) -> None:
        now, execution = self.now, self.now.execution
        row = now.rows.get((step.position, item))
        if row is None or row.state is StepState.PENDING:
            if execution.stopped:
                attempt = row.attempt if row else 1
                now.records.leave(execution, step, item, cancelled=now.cancelled, attempt=attempt)
            elif row and row.wake_at and row.wake_at > timezone.now():
                now.wake_by(row.wake_at)  # its next try
            else:
                self._begin(step, item, inputs, row)
        elif row.state.settled:
            outputs = {"error": row.error} if row.state is StepState.FAILED else row.outputs
            execution.settle(step, item, row.state, outputs)
        else:
            params = step_params(step, now.variables, item)
            before = self.reuse.tries_before(step, item)
            acts.follow(now, Try(step, item, row.attempt, inputs, params, row.key, before=before), row)

    def _begin(self, step: PlanStep, item: int, inputs: Mapping[str, Any], row: StepRow | None) -> None:
        now, execution = self.now, self.now.execution
        if step.policy.pin is not None:
            self._reused(step, item, inputs, step.policy.pin, "pinned")
            return
        if row is None and (known := self.reuse.again(step, item, inputs)) is not None:
            now.records.repeat(execution, step, item, known)
            return
        full = step.type.lane is not Lane.INLINE and not now.has_place(step)
        if full and item:
            now.busy = True  # of a long list those that must wait anyway are not looked for again in each pass
            return
        before = self.reuse.tries_before(step, item)
        attempt = row.attempt + 1 if row else before + 1
        try:
            inputs_check(inputs, step.type.inputs)
            params = step_params(step, now.variables, item)
        except NodeFailure as failure:
            now.records.record(step, item, StepState.FAILED, attempt=attempt, error=error_of(failure), inputs=inputs)
            execution.settle(step, item, StepState.FAILED, {"error": error_of(failure)})
            return
        found = self.reuse.find(step, item, inputs, params)
        if found.outputs is not None and row is None:
            self._reused(step, item, inputs, found.outputs, found.reason, found.key)
            return
        if step.variants and choices.left_out(step, item, execution.overrides):
            choices.leave_out(now, step, item)
            return
        if full:
            now.busy = True
            return
        acts.begin(now, Try(step, item, attempt, inputs, params, found.key, found.reason, before))

    def _reused(
        self,
        step: PlanStep,
        item: int,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        reason: str,
        key: str | None = None,
    ) -> None:
        """The step does not run: its outputs are known."""
        fields: dict[str, Any] = {"inputs": inputs, "outputs": dict(outputs), "cache_key": key, "cache_reason": reason}
        self.now.records.record(step, item, StepState.CACHED, **fields)
        self.now.execution.settle(step, item, StepState.CACHED, outputs)

    def _finish(self) -> None:
        now = self.now
        state = now.execution.outcome(cancelled=now.cancelled)
        error = self._why(now.execution.failed) if now.execution.failed else None
        now.journal.event("run_finished", timezone.now(), {"state": state.value, "error": error})
        # Without a hold or a parent the last batch is one statement, which needs no transaction around it.
        alone = not now.lease.has_hold and now.lease.parent_id is None
        with nullcontext() if alone else transaction.atomic():
            now.journal.flush(state=state.value, error=error, ended=True)
            subruns.parent_wake(now.lease)
            if now.lease.has_hold:
                hold_close(hold_id=now.lease.run_id)
        if now.lease.fence == 1 and now.records.whole:
            FINISHED.put(now.lease.run_id, now.records.ended, now.journal.written)
            ASKED.put(now.lease.run_id, (now.lease.graph_id, now.lease.targets, now.lease.variables))
        if now.lease.parent_id is not None:
            now.due(now.lease.parent_id)
        log.info("run finished", action="run_finished", state=state.value)

    def _why(self, node: str) -> dict[str, Any]:
        """The failed step's own sentence, with the step's name before it."""
        title = next(step.title for step in self.now.plan.steps if step.node == node)
        message = f"{title}: {self.now.execution.error.get('message', '')}".strip()
        return {"code": "step-failed", "node": node, "message": message}


def _json(text: str | None) -> Any:
    return json_read(text) if text else None
