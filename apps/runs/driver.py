"""One driver per run: everything that is ready, in place where it is cheap, handed out where it is not.

A pass reads the rows that exist, replays them into the pure :class:`~apps.engine.execution.Execution`, and goes on
from there; a pass after a crash is the same pass. What the driver decides goes to the journal; what has an effect
outside happens only after the journal's barrier. When nothing is left but to wait, it lets go of the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.billing.services import hold_close
from apps.common.money import credits_text
from apps.common.tenancy import scope
from apps.engine.execution import Execution, Skip
from apps.engine.node_types import Effect, Lane, NodeFailure, ProviderCall, WaitUntil
from apps.engine.plan import PlanStep, step_params
from apps.engine.states import RunState, StepState
from apps.runs import paid
from apps.runs.adapters import InlineContext
from apps.runs.journal import FenceLost, Journal
from apps.runs.lease import Lease, lease_look, lease_release, lease_take
from apps.runs.plans import plan_of_graph

log = structlog.get_logger(__name__)

# What is stored is in the site's own language, as the worker has no reader; a page says a fixed sentence in its own.
CANCELLED = gettext_noop("The run was cancelled.")


@dataclass
class StepRow:
    """A step as the journal has it."""

    state: StepState
    attempt: int
    outputs: Mapping[str, Any] | None
    wake_at: datetime | None


@dataclass(frozen=True)
class Dispatch:
    """A step to be handed to a lane once its row is committed."""

    run_id: UUID
    position: int
    item: int
    lane: Lane


def advance(run_id: UUID) -> list[Dispatch]:
    """Drive a run as far as it goes now; answers the steps to hand to the lanes (the task enqueues them)."""
    lease = lease_take(run_id)
    if lease is None:
        return []
    with structlog.contextvars.bound_contextvars(run=str(run_id)), scope(lease.workspace_id):
        driver = Driver(lease)
        try:
            driver.drive()
        except FenceLost:
            log.info("another driver took the run", action="fence_lost", fence=lease.fence)
        return driver.dispatched


class Driver:
    """Drives one run while it holds the lease."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.plan = plan_of_graph(lease.graph_id, lease.targets)
        self.variables = {**self.plan.variables, **lease.variables}
        self.journal = Journal(lease.run_id, lease.fence, settings.RUN_LEASE_S)
        self.dispatched: list[Dispatch] = []
        self.wakes = lease.wakes
        self.cancelled = lease.cancel_requested_at is not None
        self.rows: dict[tuple[int, int], StepRow] = {}
        self.wake_at: datetime | None = None
        self.busy = False

    def drive(self) -> None:
        """Pass after pass until the run is over or only waiting is left."""
        if not self.lease.started:
            self.journal.event("run_started", timezone.now(), {"steps": len(self.plan.steps)})
        while True:
            execution = self._pass()
            if execution.over:
                self._finish(execution)
                return
            state = RunState.RUNNING if self.busy else RunState.WAITING
            if not self.journal.empty:
                # Watchers look as soon as this is written, and must see the state that the run is left in.
                self.journal.flush(state=state)
            if lease_release(self.lease, wakes=self.wakes, state=state, wake_at=self.wake_at):
                return
            look = lease_look(self.lease)
            if look is None:
                raise FenceLost(FenceLost.__doc__)
            self.wakes, self.cancelled = look[0], look[1] is not None

    def _pass(self) -> Execution:
        self.rows = self._load()
        self.wake_at, self.busy = None, False
        execution = Execution(self.plan)
        if self.cancelled:
            execution.stop(CANCELLED)
        while (step := execution.next_ready()) is not None:
            self._step(execution, step)
            if self.journal.due:
                self.journal.flush()
        return execution

    def _load(self) -> dict[tuple[int, int], StepRow]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT position, item, state, attempt, outputs::text, wake_at FROM runs_step WHERE run_id = %s",
                [self.lease.run_id],
            )
            return {
                (row[0], row[1]): StepRow(StepState(row[2]), row[3], json.loads(row[4]) if row[4] else None, row[5])
                for row in cursor.fetchall()
            }

    def _step(self, execution: Execution, step: PlanStep) -> None:
        first = self.rows.get((step.position, 0))
        begun = first is not None and first.state is not StepState.PENDING
        try:
            work = execution.resolve(step, begun=begun)
        except NodeFailure as failure:
            work = Skip("")
            if not begun:
                self._record(step, 0, StepState.FAILED, error=_error(failure))
            execution.skip(step, StepState.FAILED)
            return
        if isinstance(work, Skip):
            state = StepState.CANCELLED if work.reason == CANCELLED else StepState.SKIPPED
            if not begun:
                self._record(step, 0, state, error={"code": state.value, "message": work.reason})
            execution.skip(step, first.state if first and begun else state)
            return
        execution.start(step, work)
        for item, inputs in enumerate(work.items):
            self._item(execution, step, item, inputs)

    def _item(self, execution: Execution, step: PlanStep, item: int, inputs: Mapping[str, Any]) -> None:
        row = self.rows.get((step.position, item))
        if row is None or row.state is StepState.PENDING:
            if execution.stopped:
                state = StepState.CANCELLED if self.cancelled else StepState.SKIPPED
                self._record(step, item, state, error={"code": state.value, "message": execution.stopped})
                execution.settle(step, item, state)
            else:
                self._begin(execution, step, item, inputs, row.attempt + 1 if row else 1)
        elif row.state.settled:
            execution.settle(step, item, row.state, row.outputs)
        else:
            self._in_flight(execution, step, item, inputs, row)

    def _begin(self, execution: Execution, step: PlanStep, item: int, inputs: Mapping[str, Any], attempt: int) -> None:
        now = timezone.now()
        if step.type.effect is Effect.PAID:
            self._begin_paid(execution, step, item, inputs, attempt)
            return
        if step.type.lane is not Lane.INLINE:
            dispatch = Dispatch(self.lease.run_id, step.position, item, step.type.lane)
            self._record(step, item, StepState.READY, attempt=attempt, inputs=inputs, dispatched_at=now)
            self.journal.after(lambda: self.dispatched.append(dispatch))
            self.busy = True
            return
        if step.type.effect is Effect.WRITE and not self.journal.empty:
            self.journal.flush()
        context = InlineContext(self.lease, step, item, attempt, now, self.variables, self.journal)
        try:
            result = step.type.run(context, inputs, self._params(step))
        except NodeFailure as failure:
            self._fail(execution, step, item, failure, attempt=attempt, inputs=inputs, started_at=now)
            return
        if isinstance(result, WaitUntil):
            self._wait(step, item, inputs, result, attempt, now)
            return
        if isinstance(result, ProviderCall):
            raise TypeError(f"{step.type.type} is not a paid node")
        self._complete(execution, step, item, result, attempt=attempt, inputs=inputs, started_at=now)

    def _wait(
        self, step: PlanStep, item: int, inputs: Mapping[str, Any], wait: WaitUntil, attempt: int, now: datetime
    ) -> None:
        self._record(
            step,
            item,
            StepState.WAITING,
            attempt=attempt,
            inputs=inputs,
            outputs=wait.outputs,
            wake_at=wait.at,
            started_at=now,
        )
        self._wake_by(wait.at)

    def _begin_paid(
        self, execution: Execution, step: PlanStep, item: int, inputs: Mapping[str, Any], attempt: int
    ) -> None:
        now = timezone.now()
        context = InlineContext(self.lease, step, item, attempt, now, self.variables, self.journal)
        try:
            call = step.type.run(context, inputs, self._params(step))
        except NodeFailure as failure:
            self._fail(execution, step, item, failure, attempt=attempt, inputs=inputs, started_at=now)
            return
        if not isinstance(call, ProviderCall):
            raise TypeError(f"{step.type.type} must answer a provider call")
        self._record(step, item, StepState.RUNNING, attempt=attempt, inputs=inputs, started_at=now)
        self._log(step, item, _("Asked %(model)s.") % {"model": call.model})
        # The barrier comes first: a driver that dies here finds the step running and starts the same generation.
        self.journal.flush()
        self._paid(execution, step, item, attempt, call)

    def _paid(self, execution: Execution, step: PlanStep, item: int, attempt: int, call: ProviderCall) -> None:
        try:
            outcome = paid.generation_ensure(self.lease, step, item, attempt, call, cancelled=self.cancelled)
        except NodeFailure as failure:
            self._fail(execution, step, item, failure, attempt=attempt)
            return
        if outcome is None:
            self.busy = True
        elif outcome.error is not None:
            state = StepState.CANCELLED if outcome.cancelled else StepState.FAILED
            self._record(step, item, state, attempt=attempt, error=outcome.error, cost=outcome.cost)
            execution.settle(step, item, state)
        else:
            delivered = {"model": call.model, "cost": credits_text(outcome.cost)}
            self._log(step, item, _("%(model)s delivered: %(cost)s.") % delivered)
            outputs = {call.output_port: outcome.outputs[0] if len(outcome.outputs) == 1 else list(outcome.outputs)}
            self._complete(execution, step, item, outputs, attempt=attempt, cost=outcome.cost)

    def _in_flight(
        self, execution: Execution, step: PlanStep, item: int, inputs: Mapping[str, Any], row: StepRow
    ) -> None:
        if step.type.effect is Effect.PAID:
            context = InlineContext(self.lease, step, item, row.attempt, timezone.now(), self.variables, self.journal)
            call = step.type.run(context, inputs, self._params(step))
            assert isinstance(call, ProviderCall)
            self._paid(execution, step, item, row.attempt, call)
        elif self.cancelled:
            if row.state is not StepState.WAITING and not self._take_back(step, item):
                self.busy = True  # it settled a moment ago, and woke this run: the next pass has its outcome
                return
            self._record(step, item, StepState.CANCELLED, attempt=row.attempt, error=_cancelled())
            execution.settle(step, item, StepState.CANCELLED)
        elif row.state is StepState.WAITING and row.wake_at is not None:
            if row.wake_at <= timezone.now():
                self._complete(execution, step, item, row.outputs or {}, attempt=row.attempt)
            else:
                self._wake_by(row.wake_at)
        else:
            self.busy = True

    def _log(self, step: PlanStep, item: int, line: str) -> None:
        self.journal.event("step_log", timezone.now(), {"node": step.node, "item": item, "line": line})

    def _take_back(self, step: PlanStep, item: int) -> bool:
        """Take a step from its lane: nobody can claim it any more, and who runs it cannot settle it."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE runs_step AS step SET fence = step.fence + 1, dispatched_at = NULL
                FROM runs_run AS run
                WHERE run.id = step.run_id AND run.fence = %s AND step.run_id = %s AND step.position = %s
                    AND step.item = %s AND step.state IN ('ready', 'running')
                """,
                [self.lease.fence, self.lease.run_id, step.position, item],
            )
            return bool(cursor.rowcount == 1)

    def _wake_by(self, at: datetime) -> None:
        self.wake_at = min(self.wake_at or at, at)

    def _params(self, step: PlanStep) -> dict[str, Any]:
        return step_params(step, self.variables)

    def _complete(
        self, execution: Execution, step: PlanStep, item: int, outputs: Mapping[str, Any], **fields: Any
    ) -> None:
        self._record(step, item, StepState.COMPLETED, outputs=dict(outputs), **fields)
        execution.settle(step, item, StepState.COMPLETED, outputs)

    def _fail(self, execution: Execution, step: PlanStep, item: int, failure: NodeFailure, **fields: Any) -> None:
        self._record(step, item, StepState.FAILED, error=_error(failure), **fields)
        execution.settle(step, item, StepState.FAILED)

    def _record(self, step: PlanStep, item: int, state: StepState, *, attempt: int = 1, **fields: Any) -> None:
        now = timezone.now()
        if state.settled:
            fields["finished_at"] = now
        row = {
            "position": step.position,
            "item": item,
            "node": step.node,
            "type": step.type.type,
            "state": state.value,
            "attempt": attempt,
            "cost": 0,
            **{name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()},
        }
        self.journal.step(row)
        body = {"node": step.node, "item": item, "type": step.type.type, "state": state.value, "attempt": attempt}
        if fields.get("started_at"):
            self.journal.event("step_started", fields["started_at"], {**body, "state": StepState.RUNNING.value})
        kind = _EVENTS.get(state)
        if kind:
            extra = {name: fields[name] for name in ("outputs", "error", "cost") if fields.get(name)}
            self.journal.event(kind, now, {**body, **extra})

    def _finish(self, execution: Execution) -> None:
        state = execution.outcome(cancelled=self.cancelled)
        error = self._why(execution.failed) if execution.failed else None
        self.journal.event("run_finished", timezone.now(), {"state": state.value, "error": error})
        # Without a hold the last batch is one statement, which needs no transaction around it.
        with transaction.atomic() if self.lease.price_high else nullcontext():
            self.journal.flush(state=state.value, error=error, ended=True)
            if self.lease.price_high:
                hold_close(hold_id=self.lease.run_id)
        log.info("run finished", action="run_finished", state=state.value)

    def _why(self, node: str) -> dict[str, Any]:
        """The failed step's own sentence, with the step's name before it."""
        if not self.journal.empty:
            self.journal.flush()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT error ->> 'message' FROM runs_step WHERE run_id = %s AND node = %s AND state = 'failed'",
                [self.lease.run_id, node],
            )
            row = cursor.fetchone()
        title = next(step.title for step in self.plan.steps if step.node == node)
        return {"code": "step-failed", "node": node, "message": f"{title}: {row[0] if row else ''}".strip()}


_EVENTS = {
    StepState.READY: "step_ready",
    StepState.WAITING: "step_waiting",
    StepState.COMPLETED: "step_succeeded",
    StepState.FAILED: "step_failed",
    StepState.SKIPPED: "step_skipped",
    StepState.CANCELLED: "step_cancelled",
    StepState.CACHED: "step_cached",
}


def _error(failure: NodeFailure) -> dict[str, Any]:
    return {"code": failure.code, "message": str(failure), "permanent": failure.permanent}


def _cancelled() -> dict[str, Any]:
    return {"code": "cancelled", "message": CANCELLED}
