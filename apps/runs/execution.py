"""A place in a lane: the fairest step is claimed, run with a heartbeat, settled under its fence; then the next one.

``io`` steps run in the worker's thread; ``work`` steps run in a child process that the worker watches. A result
without a claim changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.heartbeat import heartbeat
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.engine.node_types import Lane, NodeFailure
from apps.engine.plain import outputs_plain
from apps.engine.plan import PlanStep, step_params
from apps.engine.states import StepState
from apps.runs.acts import internal, timed_out
from apps.runs.adapters import LaneContext
from apps.runs.child import Child, ChildBroke, Ended
from apps.runs.claims import Claim, claim_held, claim_next, claim_renew, claim_tell
from apps.runs.entries import entry_keep
from apps.runs.journal import events_record
from apps.runs.models import Attempt
from apps.runs.plans import plan_of_graph
from apps.runs.records import error_of
from apps.runs.reuse import rough_size

log = structlog.get_logger(__name__)

MAX_CLAIMS = 3
# A claim is renewed this often; a child whose step was taken back is ended this soon.
RENEW_S, LOOK_S, TICK_S = 3.0, 0.75, 0.25
# A place is given back after so long, so that the others of its queue have their turn.
PLACE_S = 1.0


@dataclass(frozen=True)
class Bells:
    """Whom to tell: ``settled`` that a step of this run has ended, ``more`` that a free place should look."""

    settled: Callable[[UUID], None]
    more: Callable[[], None]


def place_fill(lane: Lane, bells: Bells) -> None:
    """Run the lane's fairest steps one after the other for about a second, then leave the rest to the next place."""
    until = time.monotonic() + PLACE_S
    while (claim := claim_next(lane)) is not None:
        if claim.more:
            bells.more()
        execute(claim, bells)
        if time.monotonic() >= until:
            # Whether another step waits is for the next one to see: it may be one that a limit held back until now.
            bells.more()
            return


def execute(claim: Claim, bells: Bells) -> None:
    """Run a claimed step to its end."""
    with structlog.contextvars.bound_contextvars(run=str(claim.run_id), node=claim.node), scope(claim.workspace_id):
        if not claim_tell(claim):
            return
        if claim.claims > MAX_CLAIMS:
            message = _("This step was stopped because its worker crashed several times.")
            done = _fail(claim, {"code": "poison", "message": message, "permanent": True})
        else:
            ended = _run(claim, bells)
            done = ended.error is not None and _fail(claim, ended.error)
            done = done or (ended.outputs is not None and _complete(claim, ended.outputs))
    if done:
        bells.settled(claim.run_id)


def _run(claim: Claim, bells: Bells) -> Ended:
    """The outputs, or the error; neither when the step was taken back while it ran."""
    step = _step(claim)
    plan = plan_of_graph(claim.graph_id, claim.targets)
    variables = {**plan.variables, **claim.variables}
    context = LaneContext(
        claim.run_id, claim.workspace_id, claim.project_id, claim.node, claim.item, claim.attempt, variables
    )
    try:
        params = step_params(step, variables)
        if not connection.in_atomic_block:
            connection.close()  # what takes its time holds no connection
        if step.type.lane is Lane.WORK:
            return _in_child(claim, step, context, params)
        with heartbeat(_Watch(claim, step, bells=bells).tick, every_s=TICK_S):
            return Ended(outputs=outputs_plain(step.type.outputs_in(step.type.run(context, claim.inputs, params))))
    except NodeFailure as failure:
        return Ended(error=error_of(failure))
    except ChildBroke as accident:
        log.error("node crashed", action="node_crashed", type=claim.type, kind=accident.kind, traceback=str(accident))
        return Ended(error={**internal(accident), "kind": accident.kind})
    except Exception as accident:  # a bug in a node must fail its step, not lose it
        log.exception("node crashed", action="node_crashed", type=claim.type)
        return Ended(error=internal(accident))


def _in_child(claim: Claim, step: PlanStep, context: LaneContext, params: Mapping[str, Any]) -> Ended:
    # Before the heartbeat: a process is best copied while none of its threads is in the middle of something.
    child = Child(
        lambda confined: outputs_plain(step.type.outputs_in(step.type.run(confined, claim.inputs, params))),
        context,
        step.type.limits,
        timeout_s=step.policy.timeout_s,
    )
    with heartbeat(_Watch(claim, step, child=child).tick, every_s=TICK_S):
        return child.follow()


class _Watch:
    """Beside a running step: keeps its claim, ends its child when the step was taken back, its thread's step in time.

    A thread cannot be ended from outside: past its time limit its step fails, and what it brings later is dropped.
    """

    def __init__(self, claim: Claim, step: PlanStep, *, bells: Bells | None = None, child: Child | None = None) -> None:
        self._claim, self._bells, self._child = claim, bells, child
        self._limit_s = None if child else step.policy.timeout_s
        now = time.monotonic()
        self._began, self._renew_at, self._look_at = now, now + RENEW_S, now + LOOK_S

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at, self._look_at = now + RENEW_S, now + LOOK_S
            self._keep(claim_renew(self._claim))
        elif self._child and now >= self._look_at:
            self._look_at = now + LOOK_S
            self._keep(claim_held(self._claim))
        if self._limit_s is not None and now - self._began > self._limit_s:
            limit, self._limit_s = self._limit_s, None
            with scope(self._claim.workspace_id):
                done = _fail(self._claim, error_of(timed_out(limit)))
            if done and self._bells:
                self._bells.settled(self._claim.run_id)
                self._bells.more()

    def _keep(self, held: bool) -> None:
        if not held and self._child:
            self._child.kill()


def _step(claim: Claim) -> PlanStep:
    return plan_of_graph(claim.graph_id, claim.targets).steps[claim.position]


def _complete(claim: Claim, outputs: Mapping[str, Any]) -> bool:
    body = {**claim.place, "state": StepState.COMPLETED.value, "outputs": outputs}
    try:
        return _settle(claim, StepState.COMPLETED, ("step_succeeded", body), outputs=outputs)
    except (DataError, ValueError) as refusal:  # not JSON as PostgreSQL knows it: a zero byte, a number that is none
        log.exception("outputs refused", action="outputs_refused", type=claim.type)
        return _fail(claim, internal(refusal))


def _fail(claim: Claim, error: Mapping[str, Any]) -> bool:
    """The try failed: another follows after a pause if the node's policy says so."""
    tries = 1 + Attempt.objects.filter(run_id=claim.run_id, position=claim.position, item=claim.item).count()
    pause = _step(claim).policy.pause_s(tries, permanent=error.get("permanent", True))
    body = {**claim.place, "error": error}
    if pause is None:
        body["state"] = StepState.FAILED.value
        return _settle(claim, StepState.FAILED, ("step_failed", body), error=error)
    again = timezone.now() + timedelta(seconds=pause)
    body |= {"state": StepState.PENDING.value, "again_at": again.isoformat()}
    return _settle(claim, StepState.PENDING, ("step_retrying", body), error=error, again=again)


def _settle(
    claim: Claim,
    state: StepState,
    event: tuple[str, Mapping[str, Any]],
    *,
    outputs: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    again: datetime | None = None,
) -> bool:
    """Write how a try ended, under its fence; answers False when the claim was lost meanwhile."""
    with transaction.atomic():
        # The run's row is locked first, as the driver does, so that the two can never wait for each other.
        seq = events_record(claim.run_id, [event], wake=True)
        row = _step_settle(claim, state, outputs, error, again)
        if row is None:
            transaction.set_rollback(True)
            log.info("claim lost, result dropped", action="claim_lost", fence=claim.fence)
            return False
        if again is not None:
            _try_keep(claim, error or {}, started_at=row[0])
        elif outputs is not None and claim.cache_key:
            _result_keep(claim, outputs)
        poke(f"run.{claim.run_id}", seq=seq)
    return True


def _step_settle(
    claim: Claim,
    state: StepState,
    outputs: Mapping[str, Any] | None,
    error: Mapping[str, Any] | None,
    again: datetime | None,
) -> tuple[datetime] | None:
    """Write the step's row; the moment the try began, or None when the claim was lost."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step SET state = %s, outputs = %s::jsonb, error = %s::jsonb, wake_at = %s,
                finished_at = CASE WHEN %s THEN NULL ELSE statement_timestamp() END, lease_until = NULL,
                dispatched_at = CASE WHEN %s THEN NULL ELSE dispatched_at END
            WHERE run_id = %s AND position = %s AND item = %s AND fence = %s AND state = 'running'
            RETURNING started_at
            """,
            [
                state.value,
                json.dumps(outputs) if outputs is not None else None,
                json.dumps(error) if error is not None else None,
                again,
                again is not None,
                again is not None,
                claim.run_id,
                claim.position,
                claim.item,
                claim.fence,
            ],
        )
        row: tuple[datetime] | None = cursor.fetchone()
    return row


def _try_keep(claim: Claim, error: Mapping[str, Any], *, started_at: datetime) -> None:
    Attempt.objects.create(
        workspace_id=claim.workspace_id,
        run_id=claim.run_id,
        position=claim.position,
        item=claim.item,
        attempt=claim.attempt,
        error=error,
        started_at=started_at,
        finished_at=timezone.now(),
    )


def _result_keep(claim: Claim, outputs: Mapping[str, Any]) -> None:
    assert claim.cache_key is not None
    entry_keep(
        workspace_id=claim.workspace_id,
        key=claim.cache_key,
        run_id=claim.run_id,
        position=claim.position,
        item=claim.item,
        size=rough_size(outputs),
    )
