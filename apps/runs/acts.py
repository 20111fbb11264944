"""What is done with a step, by its effect and lane: begun once, then followed until it has settled."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.money import credits_text
from apps.engine.node_types import ChildRun, Effect, Lane, NodeFailure, ProviderCall, Result, Stopped, WaitUntil
from apps.engine.plain import outputs_plain
from apps.engine.plan import PlanStep, step_quote
from apps.engine.policy import OVER_LIMIT
from apps.engine.states import StepState
from apps.engine.types import PortType
from apps.runs import paid, subruns
from apps.runs.drive import Dispatch, Drive, StepRow, Try
from apps.runs.journal import FenceLost
from apps.runs.paid import Outcome
from apps.runs.records import CANCELLED, cancelled, error_of
from apps.runs.reuse import MEMORY, WORTH_ASKING_S, rough_size
from apps.runs.waits import Place, wait_rings

log = structlog.get_logger(__name__)

# Where a step of a lane stands before it has settled.
_UNDER_WAY = (StepState.READY, StepState.RUNNING)


def begin(now: Drive, one: Try) -> None:
    """Start a try of a step whose inputs are there."""
    if one.step.type.nested:
        _begin_paid(now, one)
    elif now.lease.dry_run and one.step.type.effect is not Effect.PURE:
        _pretend(now, one)
    elif one.step.type.effect is Effect.PAID:
        _begin_paid(now, one)
    elif one.step.type.lane is not Lane.INLINE:
        _hand_out(now, one)
    else:
        _run(now, one)


def follow(now: Drive, one: Try, row: StepRow) -> None:
    """Look at a step that is under way."""
    step = one.step
    if step.type.effect is Effect.PAID or step.type.nested:
        call = step.type.run(now.context(one, timezone.now()), one.inputs, one.params)
        assert isinstance(call, ProviderCall | ChildRun)
        _paid(now, one, call, late_at=row.wake_at)
    elif now.cancelled or (now.execution.stopped and row.state is not StepState.RUNNING):
        _leave(now, one, row)
    elif row.state is StepState.WAITING and row.wake_at is not None:
        place = Place(now.lease.run_id, step.position, one.item, one.attempt)
        # What may be answered rings only when no answer came first: that one has woken this run, the next pass has it.
        if row.wake_at <= timezone.now() and (not row.asked or wait_rings(place)):
            now.records.complete(now.execution, step, one.item, row.outputs or {}, attempt=one.attempt)
        else:
            now.wake_by(row.wake_at)
    else:
        now.busy = True


def _leave(now: Drive, one: Try, row: StepRow) -> None:
    """End what is under way; in a run that has failed, what is only queued or waits: for nothing, from now on."""
    ended = _UNDER_WAY if now.cancelled else _UNDER_WAY[:1]
    if row.state is not StepState.WAITING and not _take_back(now, one.step, one.item, ended):
        now.busy = True  # it began or settled a moment ago, and wakes this run: the next pass has its outcome
        return
    begun = now.cancelled or row.state is StepState.WAITING
    now.records.leave(now.execution, one.step, one.item, cancelled=begun, attempt=one.attempt)


def _known(one: Try, **fields: Any) -> dict[str, Any]:
    return {
        "attempt": one.attempt,
        "inputs": one.inputs,
        "cache_key": one.key,
        "cache_reason": one.reason,
        **fields,
    }


def _fail(now: Drive, one: Try, error: Mapping[str, Any], **fields: Any) -> None:
    known = {"attempt": one.attempt, "before": one.before, **fields}
    again = now.records.fail(now.execution, one.step, one.item, error, **known)
    if again is not None:
        now.wake_by(again)


def _hand_out(now: Drive, one: Try) -> None:
    lane = one.step.type.lane
    dispatch = Dispatch(now.lease.run_id, one.step.position, one.item, lane)
    fields = _known(one, dispatched_at=timezone.now(), lane=lane.value)
    now.records.record(one.step, one.item, StepState.READY, **fields)
    now.journal.after(lambda: now.dispatched.append(dispatch))
    now.take_place(one.step)
    now.busy = True


def _run(now: Drive, one: Try) -> None:
    """Run a step in place."""
    step, begun = one.step, time.monotonic()
    if step.type.effect is Effect.WRITE:
        now.journal.barrier()
    started = timezone.now()
    try:
        result = _result(now, one, started)
        took = time.monotonic() - begun
    except NodeFailure as failure:
        _fail(now, one, error_of(failure), **_known(one, started_at=started))
        return
    except Stopped:
        _stop(now, one, started)
        return
    except FenceLost:
        raise
    except Exception as accident:  # a bug in a node must fail its step, not stop its run for good
        log.exception("node crashed", action="node_crashed", type=step.type.type)
        _fail(now, one, internal(accident), **_known(one, started_at=started))
        return
    if isinstance(result, WaitUntil):
        _wait(now, one, result, started)
        return
    outputs = step.type.outputs_in(result)
    if one.key and step.type.effect is Effect.PURE:
        _keep(now, one, outputs, took)
    now.records.complete(now.execution, step, one.item, outputs, **_known(one, started_at=started))


def _result(now: Drive, one: Try, started: datetime) -> Result:
    """What the step gives, its outputs as the journal will give them back; a failure when it took too long."""
    begun, limit = time.monotonic(), one.step.policy.timeout_s
    result = one.step.type.run(now.context(one, started), one.inputs, one.params)
    if limit is not None and time.monotonic() - begun > limit:
        raise timed_out(limit)
    return outputs_plain(result, one.inputs) if isinstance(result, Mapping) else result


def _stop(now: Drive, one: Try, started: datetime) -> None:
    """The run was cancelled while the step slept."""
    now.cancelled = True
    now.execution.stop(CANCELLED)
    fields = _known(one, started_at=started, error=cancelled())
    now.records.record(one.step, one.item, StepState.CANCELLED, **fields)
    now.execution.settle(one.step, one.item, StepState.CANCELLED)


def _keep(now: Drive, one: Try, outputs: Mapping[str, Any], took_s: float) -> None:
    """Let the outputs be found again: by this process, and by all where that is worth a row."""
    assert one.key is not None
    size = rough_size(outputs)
    MEMORY.put(one.key, (outputs, timezone.now()), size)
    if took_s >= WORTH_ASKING_S:
        now.journal.result(one.key, one.step.position, one.item, size)


def timed_out(limit_s: float) -> NodeFailure:
    """The failure of a try that took longer than its node's time limit."""
    message = _("It took longer than its time limit of %(seconds)s s.") % {"seconds": f"{limit_s:g}"}
    return NodeFailure(message, code="timeout", permanent=False)


def internal(accident: Exception) -> dict[str, Any]:
    """The error of a step in which our own code broke. Passing, as far as anyone knows: it may be tried again."""
    message = _(
        "Something went wrong on our side while this step ran. Try again. If it keeps happening, send us the run ID."
    )
    return {"code": "internal", "message": message, "kind": type(accident).__name__, "permanent": False}


def _wait(now: Drive, one: Try, wait: WaitUntil, started: datetime) -> None:
    fields = _known(one, outputs=wait.outputs, wake_at=wait.at, request=wait.request, started_at=started)
    now.records.record(one.step, one.item, StepState.WAITING, **fields)
    now.wake_by(wait.at)


def _pretend(now: Drive, one: Try) -> None:
    """In a dry run: say what the step would do outside. A pause is passed, anything else ends the path."""
    step = one.step
    if step.type.effect is Effect.WAIT and step.type.would is None:
        pause = step.type.run(now.context(one, timezone.now()), one.inputs, one.params)
        assert isinstance(pause, WaitUntil)
        now.records.complete(now.execution, step, one.item, pause.outputs, **_known(one))
        return
    message = step.type.would(one.inputs, one.params) if step.type.would else _("It would act outside Millrace.")
    if step.type.effect is Effect.PAID:
        quote = step_quote(step, one.params, one.inputs, now.own)
        prices = {"model": one.params.get("model", ""), "high": credits_text(quote.high)}
        message = _("It would ask %(model)s, for at most %(high)s.") % prices
    error = {"code": "dry-run", "message": message}
    now.records.record(step, one.item, StepState.SKIPPED, error=error, **_known(one))
    now.execution.settle(step, one.item, StepState.SKIPPED)


def _begin_paid(now: Drive, one: Try) -> None:
    step, started = one.step, timezone.now()
    try:
        high = 0 if now.lease.dry_run else step_quote(step, one.params, one.inputs, now.own).high
        _check_limit(now, high)
        call = step.type.run(now.context(one, started), one.inputs, one.params)
    except NodeFailure as failure:
        _fail(now, one, error_of(failure), **_known(one, started_at=started))
        return
    if not isinstance(call, ProviderCall | ChildRun):
        raise TypeError(f"{step.type.type} must answer a provider call or a run of its own")
    limit = step.policy.timeout_s
    late_at = started + timedelta(seconds=limit) if limit is not None else None
    now.records.record(step, one.item, StepState.RUNNING, **_known(one, started_at=started, wake_at=late_at))
    if isinstance(call, ProviderCall):
        now.records.log(step, one.item, _("Asked %(model)s.") % {"model": call.model})
    now.take_place(step)
    now.committed[(step.position, one.item)] = high
    # The barrier comes first: a driver that dies here finds the step running and starts the same generation.
    now.journal.flush()
    _paid(now, one, call, late_at=late_at)


def _check_limit(now: Drive, high: int) -> None:
    limit = now.lease.max_credits
    if limit is not None and now.spent + high > limit:
        message = _(
            "This run may cost at most %(limit)s, and this step could pass that: it costs up to %(high)s, and "
            "%(spent)s are spent or under way. Nothing was sent. Raise `max_credits` and run again; what is done is "
            "reused."
        )
        parts = {"limit": credits_text(limit), "high": credits_text(high), "spent": credits_text(now.spent)}
        raise NodeFailure(message % parts, code=OVER_LIMIT)


def _paid(now: Drive, one: Try, call: ProviderCall | ChildRun, *, late_at: datetime | None) -> None:
    late = late_at is not None and late_at <= timezone.now()
    cancelled = now.cancelled or late
    try:
        if isinstance(call, ChildRun):
            cancelled = cancelled or (now.execution.stopped is not None and subruns.at_rest(now, one))
            outcome = subruns.ensure(now, one, call, cancelled=cancelled)
        else:
            ends = {"cancelled": cancelled, "stopped": now.execution.stopped is not None}
            outcome = paid.generation_ensure(now.lease, one.step, one.item, one.attempt, call, **ends)
    except NodeFailure as failure:
        now.committed.pop((one.step.position, one.item), None)
        _fail(now, one, error_of(failure))
        return
    if outcome is None:
        now.busy = now.busy or not subruns.at_rest(now, one)
        if late_at is not None and not late:
            now.wake_by(late_at)
        return
    now.committed.pop((one.step.position, one.item), None)
    _settled(now, one, call, outcome, late=late)


def _settled(now: Drive, one: Try, call: ProviderCall | ChildRun, outcome: Outcome, *, late: bool) -> None:
    """A paid call or a run of its own has ended."""
    step = one.step
    if outcome.error is None:
        outputs = outcome.ports
        if isinstance(call, ProviderCall):
            _delivered(now, one, outcome)
            outputs = {call.output_port: _value(step, call.output_port, outcome)}
        outputs = outputs_plain(outputs)
        if now.lease.dry_run and step.type.outputs and not outputs:
            # Not a gap in a list, which the steps after it would fail on.
            message = _("What it gives comes from steps that a dry run leaves out.")
            left_out = {"code": "dry-run", "message": message}
            now.records.record(step, one.item, StepState.SKIPPED, attempt=one.attempt, error=left_out)
            now.execution.settle(step, one.item, StepState.SKIPPED)
            return
        if one.key and step.type.effect in (Effect.PURE, Effect.PAID) and not now.lease.dry_run:
            now.journal.result(one.key, step.position, one.item, rough_size(outputs))
        now.records.complete(now.execution, step, one.item, outputs, attempt=one.attempt, cost=outcome.cost)
    elif outcome.cancelled and (now.cancelled or not late):
        error, cost = outcome.error, outcome.cost
        now.records.record(step, one.item, StepState.CANCELLED, attempt=one.attempt, error=error, cost=cost)
        now.execution.settle(step, one.item, StepState.CANCELLED)
    else:
        own = outcome.cancelled and late
        error = error_of(timed_out(step.policy.timeout_s or 0)) if own else outcome.error
        _fail(now, one, error, cost=outcome.cost)


def _delivered(now: Drive, one: Try, outcome: Outcome) -> None:
    """Say in the step's log who answered, at what price, and who was asked before."""
    for line in outcome.route:
        now.records.log(one.step, one.item, line)
    delivered = {"model": outcome.model, "cost": credits_text(outcome.cost)}
    now.records.log(one.step, one.item, _("%(model)s delivered: %(cost)s.") % delivered)


def _value(step: PlanStep, name: str, outcome: Outcome) -> Any:
    """What goes out at the port: the words of a model that writes, else its file or files."""
    port = step.type.output(name)
    if port is not None and port.type is PortType.TEXT:
        return outcome.text
    return outcome.outputs[0] if len(outcome.outputs) == 1 else list(outcome.outputs)


def _take_back(now: Drive, step: PlanStep, item: int, states: Sequence[StepState] = _UNDER_WAY) -> bool:
    """Take a step from its lane: nobody can claim it any more, and who runs it cannot settle it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step AS step SET fence = step.fence + 1, dispatched_at = NULL
            FROM runs_run AS run
            WHERE run.id = step.run_id AND run.fence = %s AND step.run_id = %s AND step.position = %s
                AND step.item = %s AND step.state = ANY(%s)
            """,
            [now.lease.fence, now.lease.run_id, step.position, item, [state.value for state in states]],
        )
        return bool(cursor.rowcount == 1)
