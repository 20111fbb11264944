"""A step in a lane: claimed, run with a heartbeat, settled under its fence. A copy without a claim changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.common.heartbeat import heartbeat
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.engine.node_types import NodeFailure, ProviderCall, WaitUntil
from apps.engine.plan import step_params
from apps.engine.states import StepState
from apps.runs.adapters import LaneContext
from apps.runs.journal import events_record
from apps.runs.plans import plan_of_graph

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


def execute(run_id: UUID, position: int, item: int) -> bool:
    """Run one dispatched step; answers whether it settled here (then the driver is due)."""
    with transaction.atomic():
        claim = _claim(run_id, position, item)
    if claim is None:
        return False
    with structlog.contextvars.bound_contextvars(run=str(run_id), node=claim.node), scope(claim.workspace_id):
        if claim.claims > MAX_CLAIMS:
            message = _("The worker died several times while running this step; it was given up.")
            return _settle(claim, StepState.FAILED, error={"code": "poison", "message": message})
        with heartbeat(partial(_renew, claim), every_s=BEAT_S):
            state, outputs, error = _run(claim)
        return _settle(claim, state, outputs=outputs, error=error)


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
                step.node, step.type
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


def _run(claim: Claim) -> tuple[StepState, Mapping[str, Any] | None, Mapping[str, Any] | None]:
    plan = plan_of_graph(claim.graph_id, claim.targets)
    step = plan.steps[claim.position]
    variables = {**plan.variables, **claim.variables}
    context = LaneContext(
        claim.run_id, claim.workspace_id, claim.project_id, claim.node, claim.item, claim.attempt, variables
    )
    try:
        params = step_params(step, variables)
        result = step.type.run(context, claim.inputs, params)
        if isinstance(result, ProviderCall | WaitUntil):
            raise TypeError(f"{step.type.type} must answer outputs in its lane")
        return StepState.COMPLETED, dict(result), None
    except NodeFailure as failure:
        error = {"code": failure.code, "message": str(failure), "permanent": failure.permanent}
        return StepState.FAILED, None, error
    except Exception as accident:  # a bug in a node must fail its step, not lose it
        log.exception("node crashed", action="node_crashed", type=claim.type)
        message = _(
            "Something went wrong on our side while this step ran. Try again; if it stays, tell us the run's id."
        )
        return StepState.FAILED, None, {"code": "internal", "message": message, "kind": type(accident).__name__}


def _settle(
    claim: Claim,
    state: StepState,
    *,
    outputs: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> bool:
    kind = "step_succeeded" if state is StepState.COMPLETED else "step_failed"
    body = {**_place(claim), "state": state.value, **({"outputs": outputs} if outputs else {"error": error})}
    with transaction.atomic(), connection.cursor() as cursor:
        # The run's row is locked first, as the driver does, so that the two can never wait for each other.
        seq = events_record(claim.run_id, [(kind, body)], wake=True)
        cursor.execute(
            """
            UPDATE runs_step SET state = %s, outputs = %s::jsonb, error = %s::jsonb,
                finished_at = statement_timestamp(), lease_until = NULL
            WHERE run_id = %s AND position = %s AND item = %s AND fence = %s AND state = 'running'
            """,
            [
                state.value,
                json.dumps(outputs) if outputs is not None else None,
                json.dumps(error) if error is not None else None,
                claim.run_id,
                claim.position,
                claim.item,
                claim.fence,
            ],
        )
        if cursor.rowcount != 1:
            transaction.set_rollback(True)
            log.info("claim lost, result dropped", action="claim_lost", fence=claim.fence)
            return False
        poke(f"run.{claim.run_id}", seq=seq)
    return True
