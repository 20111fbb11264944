"""A step in a lane: claimed, run with a heartbeat, settled under its fence. A copy without a claim changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.heartbeat import heartbeat
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.engine.node_types import ChildRun, NodeFailure, ProviderCall, WaitUntil
from apps.engine.plan import PlanStep, step_params
from apps.engine.states import StepState
from apps.runs.acts import internal
from apps.runs.adapters import LaneContext
from apps.runs.journal import events_record
from apps.runs.models import Attempt
from apps.runs.plans import plan_of_graph
from apps.runs.records import error_of
from apps.runs.reuse import entry_keep, rough_size

log = structlog.get_logger(__name__)

MAX_CLAIMS = 3
BEAT_S = 3.0


@dataclass(frozen=True)
class Claim:
    """A step that this worker, and no other, may settle while ``fence`` is current."""

    run_id: UUID
    position: int
    item: int
    fence: int
    claims: int
    attempt: int
    inputs: Mapping[str, Any]
    workspace_id: UUID
    project_id: UUID | None
    graph_id: UUID
    targets: list[str] | None
    variables: Mapping[str, Any]
    node: str
    type: str
    cache_key: str | None


def execute(run_id: UUID, position: int, item: int) -> bool:
    """Run one dispatched step; answers whether it settled here (then the driver is due)."""
    with transaction.atomic():
        claim = _claim(run_id, position, item)
    if claim is None:
        return False
    with structlog.contextvars.bound_contextvars(run=str(run_id), node=claim.node), scope(claim.workspace_id):
        if claim.claims > MAX_CLAIMS:
            message = _("The worker died several times while running this step; it was given up.")
            return _fail(claim, {"code": "poison", "message": message, "permanent": True})
        with heartbeat(partial(_renew, claim), every_s=BEAT_S):
            outputs, error = _run(claim)
        return _fail(claim, error) if error is not None else _complete(claim, outputs or {})


def _claim(run_id: UUID, position: int, item: int) -> Claim | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step AS step SET state = 'running', fence = step.fence + 1, claims = step.claims + 1,
                lease_until = statement_timestamp() + make_interval(secs => %(lease)s),
                started_at = COALESCE(step.started_at, statement_timestamp())
            FROM runs_run AS run
            WHERE step.run_id = %(run)s AND step.position = %(position)s AND step.item = %(item)s
                AND run.id = step.run_id AND step.dispatched_at IS NOT NULL AND run.cancel_requested_at IS NULL
                AND (step.state = 'ready' OR (step.state = 'running' AND step.lease_until < statement_timestamp()))
            RETURNING step.run_id, step.position, step.item, step.fence, step.claims, step.attempt, step.inputs::text,
                run.workspace_id, run.project_id, run.graph_id, run.targets::text, run.variables::text,
                step.node, step.type, encode(step.cache_key, 'hex')
            """,
            {"lease": settings.STEP_LEASE_S, "run": run_id, "position": position, "item": item},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    inputs, targets, variables = json.loads(row[6] or "{}"), json.loads(row[10] or "null"), json.loads(row[11])
    claim = Claim(*[*row[:6], inputs, *row[7:10], targets, variables, *row[12:]])
    body = {**_place(claim), "state": StepState.RUNNING.value}
    seq = events_record(run_id, [("step_started", body)])
    poke(f"run.{run_id}", seq=seq)
    return claim


def _place(claim: Claim) -> dict[str, Any]:
    return {"node": claim.node, "item": claim.item, "type": claim.type, "attempt": claim.attempt}


def _renew(claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step SET lease_until = statement_timestamp() + make_interval(secs => %s)
            WHERE run_id = %s AND position = %s AND item = %s AND fence = %s AND state = 'running'
            """,
            [settings.STEP_LEASE_S, claim.run_id, claim.position, claim.item, claim.fence],
        )


def _run(claim: Claim) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The outputs, or the error."""
    step = _step(claim)
    plan = plan_of_graph(claim.graph_id, claim.targets)
    variables = {**plan.variables, **claim.variables}
    context = LaneContext(
        claim.run_id, claim.workspace_id, claim.project_id, claim.node, claim.item, claim.attempt, variables
    )
    try:
        result = step.type.run(context, claim.inputs, step_params(step, variables))
        if isinstance(result, ProviderCall | WaitUntil | ChildRun):
            raise TypeError(f"{step.type.type} must answer outputs in its lane")
        return dict(result), None
    except NodeFailure as failure:
        return None, error_of(failure)
    except Exception as accident:  # a bug in a node must fail its step, not lose it
        log.exception("node crashed", action="node_crashed", type=claim.type)
        return None, internal(accident)


def _step(claim: Claim) -> PlanStep:
    return plan_of_graph(claim.graph_id, claim.targets).steps[claim.position]


def _complete(claim: Claim, outputs: Mapping[str, Any]) -> bool:
    body = {**_place(claim), "state": StepState.COMPLETED.value, "outputs": outputs}
    return _settle(claim, StepState.COMPLETED, ("step_succeeded", body), outputs=outputs)


def _fail(claim: Claim, error: Mapping[str, Any]) -> bool:
    """The try failed: another follows after a pause if the node's policy says so."""
    tries = 1 + Attempt.objects.filter(run_id=claim.run_id, position=claim.position, item=claim.item).count()
    pause = _step(claim).policy.pause_s(tries, permanent=error.get("permanent", True))
    body = {**_place(claim), "error": error}
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
    with transaction.atomic(), connection.cursor() as cursor:
        # The run's row is locked first, as the driver does, so that the two can never wait for each other.
        seq = events_record(claim.run_id, [event], wake=True)
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
        row = cursor.fetchone()
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
