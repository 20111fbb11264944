"""A step that is a run of its own: started once per attempt, followed like a paid call, ended with its parent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.services import CreditsRefused, credits_hold, hold_split
from apps.common.live import poke
from apps.common.memory import Memory
from apps.engine.node_types import ChildRun, NodeFailure, Quote
from apps.engine.plan import Plan
from apps.engine.states import RunState, StepState
from apps.nodes.flow.workflow import OUTPUT, given, output_names
from apps.projects.models import WorkflowVersion
from apps.projects.subflows import DEPTH_MAX
from apps.runs.drive import Child, Drive, Try
from apps.runs.journal import FenceLost, events_record
from apps.runs.lease import Lease
from apps.runs.models import RUN_LIVE, STEP_EMITTED, Run, Step
from apps.runs.outermost import outermost
from apps.runs.paid import Outcome
from apps.runs.plans import document_digest, graph_keep, plan_of_graph
from apps.runs.records import cancelled as cancelled_error
from apps.runs.reuse import EVERY_NODE

# The stored graph of a version that was started before, so that a list over a workflow reads its document once.
_graphs: Memory[tuple[UUID, str, int], UUID] = Memory(entries=256)


def ensure(now: Drive, one: Try, call: ChildRun, *, cancelled: bool) -> Outcome | None:
    """Start the attempt's run if it has none; its outcome, or None while it is under way.

    Raises :class:`NodeFailure` when it cannot be started (too few credits, too deep), FenceLost.
    """
    children = _children(now)
    child = children.get((one.step.position, one.item, one.attempt))
    if child is None:
        if cancelled:
            return Outcome((), 0, cancelled_error(), True)
        child = _start(now, one, call)
        children[(one.step.position, one.item, one.attempt)] = child
        now.records.log(one.step, one.item, _("Started version %(version)s.") % {"version": call.version})
    if not child.state.ended:
        if cancelled and not child.cancelling:
            with transaction.atomic():
                cancel_ask(child.run_id)
            now.due(child.run_id)
        return None
    return _outcome(child)


def at_rest(now: Drive, one: Try) -> bool:
    """Whether the attempt is a run that only waits: then its parent need not be looked at until it ends."""
    child = _children(now).get((one.step.position, one.item, one.attempt))
    return child is not None and child.state is RunState.WAITING and not child.cancelling


def cancel_ask(run_id: UUID) -> bool:
    """Ask a run to end, in the caller's transaction; False when it was asked before or is over."""
    asked = Run.objects.filter(id=run_id, state__in=RUN_LIVE, cancel_requested_at=None).update(
        cancel_requested_at=timezone.now()
    )
    if asked:
        poke(f"run.{run_id}", seq=events_record(run_id, [("run_cancelling", {})], wake=True))
    return bool(asked)


def children_end(lease: Lease) -> None:
    """Ask the runs that are steps of this one to end, when it was ended out of turn."""
    for run_id in Run.objects.filter(parent_id=lease.run_id, state__in=RUN_LIVE).values_list("id", flat=True):
        cancel_ask(run_id)


def parent_wake(lease: Lease) -> None:
    """Give the run that this one is a step of a reason to look, in the transaction that ends this one.

    ``wake_at`` is for the sweeper: a driver that dies before it has sent the message leaves nobody waiting.
    """
    if lease.parent_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runs_run SET wakes = wakes + 1, wake_at = statement_timestamp() "
            "WHERE id = %s AND finished_at IS NULL",
            [lease.parent_id],
        )


def _children(now: Drive) -> dict[tuple[int, int, int], Child]:
    """The runs that are steps of this one, read once per pass."""
    if now.children is None:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT parent_position, parent_item, parent_attempt, id, state, graph_id, cost, error::text,
                    cancel_requested_at IS NOT NULL
                FROM runs_run WHERE parent_id = %s
                """,
                [now.lease.run_id],
            )
            rows = cursor.fetchall()
        now.children = {
            row[:3]: Child(row[3], RunState(row[4]), row[5], row[6], json.loads(row[7]) if row[7] else None, row[8])
            for row in rows
        }
    return now.children


def _start(now: Drive, one: Try, call: ChildRun) -> Child:
    """A new run for this attempt. The parent's row is locked first: a driver that lost its lease starts nothing."""
    lease = now.lease
    with transaction.atomic():
        _check_parent(now)
        graph_id, plan = _graph(lease.workspace_id, call)
        price = Quote() if lease.dry_run else plan.price(now.own)
        run = Run(
            workspace_id=lease.workspace_id,
            workflow_id=UUID(call.workflow_id),
            project_id=lease.project_id,
            graph_id=graph_id,
            version=call.version,
            parent_id=lease.run_id,
            parent_position=one.step.position,
            parent_item=one.item,
            parent_attempt=one.attempt,
            from_run_id=_before(now, one),
            from_node=EVERY_NODE if _afresh(now, one) else "",
            overrides=given(plan, call.inputs),
            dry_run=lease.dry_run,
            actor_id=lease.actor_id,
            token_id=lease.token_id,
            own_providers=sorted(now.own),
            price_low=price.low,
            price_high=price.high,
            # What runs beside it was promised its highest price too, so it may not go beyond its own.
            max_credits=price.high if lease.max_credits is not None else None,
        )
        run.save(force_insert=True)
        _hold(now, one, run)
    now.due(run.id)
    return Child(run.id, RunState.PENDING, graph_id, 0, None, False)


def _check_parent(now: Drive) -> None:
    """Lock the parent under its fence, and stop what nests too deeply. Validation refused that; this is the wall."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM runs_run WHERE id = %s AND fence = %s AND finished_at IS NULL FOR NO KEY UPDATE",
            [now.lease.run_id, now.lease.fence],
        )
        if cursor.fetchone() is None:
            raise FenceLost(FenceLost.__doc__)
        cursor.execute(
            """
            WITH RECURSIVE above AS (
                SELECT id, parent_id FROM runs_run WHERE id = %s
                UNION ALL SELECT run.id, run.parent_id FROM runs_run AS run JOIN above ON run.id = above.parent_id
            ) SELECT count(*) FROM above
            """,
            [now.lease.run_id],
        )
        if cursor.fetchone()[0] >= DEPTH_MAX:
            message = _("Workflows can be used inside each other %(depth)s deep, not deeper.") % {"depth": DEPTH_MAX}
            raise NodeFailure(message, code="too-deep")


def _graph(workspace_id: UUID, call: ChildRun) -> tuple[UUID, Plan]:
    key = (workspace_id, call.workflow_id, call.version)
    graph_id = _graphs.get(key)
    if graph_id is None:
        versions = WorkflowVersion.objects.filter(workflow_id=call.workflow_id, number=call.version)
        document = versions.values_list("document", flat=True).first()
        if document is None:
            raise NodeFailure(_("This version of the workflow is gone."), code="no-version")
        graph_id = graph_keep(workspace_id, document, document_digest(document))
        _graphs.put(key, graph_id)
    return graph_id, plan_of_graph(graph_id, None)


def _afresh(now: Drive, one: Try) -> bool:
    """Whether the person wants the step's work done again: then nothing inside it is reused either."""
    return now.lease.from_node in (one.step.node, EVERY_NODE) or one.step.policy.always_new


def _before(now: Drive, one: Try) -> UUID | None:
    """The run that this one repeats: of the attempt before, or of the step in the run that its parent repeats.

    What succeeded there is taken from it, so that a retry does not write twice.
    """
    place = (one.step.position, one.item)
    tried = {key[2]: child.run_id for key, child in _children(now).items() if key[:2] == place}
    if tried:
        return tried[max(tried)]
    if now.lease.from_run_id is None or _afresh(now, one):
        return None
    steps = Step.objects.filter(run_id=now.lease.from_run_id, node=one.step.node, item=one.item)
    position = steps.values_list("position", flat=True).first()
    earlier = Run.objects.filter(parent_id=now.lease.from_run_id, parent_position=position, parent_item=one.item)
    found: UUID | None = earlier.order_by("-parent_attempt").values_list("id", flat=True).first()
    return found


def _hold(now: Drive, one: Try, run: Run) -> None:
    """Take the run's highest price out of what its parent holds, or of the wallet where the parent holds nothing."""
    if not run.price_high:
        return
    about = _("%(step)s, a run within the run") % {"step": one.step.title}
    try:
        if now.lease.has_hold:
            hold_split(
                parent_id=now.lease.run_id, hold_id=run.id, amount=run.price_high, description=about, of_run=True
            )
        else:
            billed = outermost(now.lease)
            credits_hold(
                workspace_id=run.workspace_id,
                hold_id=run.id,
                amount=run.price_high,
                description=about,
                project_id=run.project_id,
                run_id=billed.run_id,
                workflow_id=billed.workflow_id,
                actor_id=run.actor_id,
                token_id=run.token_id,
            )
    except CreditsRefused as error:
        raise NodeFailure(str(error), code=error.code) from error


def _outcome(child: Child) -> Outcome:
    if child.state is RunState.COMPLETED:
        return Outcome((), child.cost, None, False, _ports(child))
    if child.state is RunState.CANCELLED:
        return Outcome((), child.cost, {**cancelled_error(), "run": str(child.run_id)}, True)
    return Outcome((), child.cost, _why(child), False)


def _ports(child: Child) -> Mapping[str, Any]:
    """What reached the child's outputs, by the names of the ports."""
    names = output_names(plan_of_graph(child.graph_id, None))
    done = Step.objects.filter(run_id=child.run_id, type=OUTPUT, item=0, state__in=STEP_EMITTED)
    return {
        names[node]: outputs["value"] for node, outputs in done.values_list("node", "outputs") if outputs is not None
    }


def _why(child: Child) -> dict[str, Any]:
    """The child's own sentence; whether it may pass is what the step in which it failed says."""
    error = dict(child.error or {})
    failed = Step.objects.filter(run_id=child.run_id, node=error.get("node"), state=StepState.FAILED.value)
    step = failed.values_list("error", flat=True).first() or {}
    return {
        "code": step.get("code", error.get("code", "failed")),
        "message": error.get("message", ""),
        "permanent": step.get("permanent", True),
        "run": str(child.run_id),
    }
