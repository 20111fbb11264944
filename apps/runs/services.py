"""The door for starting, cancelling and repeating runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.services import InsufficientCredits as InsufficientCredits
from apps.billing.services import credits_hold
from apps.common.live import poke
from apps.engine.documents import MAX_BYTES, DocumentError, document_parse
from apps.engine.plan import Plan
from apps.projects.models import Workflow
from apps.projects.services import workflow_document
from apps.runs.journal import events_record
from apps.runs.models import RUN_LIVE, Run, RunState, Step, StepState
from apps.runs.plans import InvalidGraph as InvalidGraph
from apps.runs.plans import document_digest, graph_keep, plan_of
from apps.runs.tasks import advance_run

log = structlog.get_logger(__name__)


class RunOverLimit(ValueError):
    """The highest price of the run is above the ``max_credits`` it was given. Micro-credits."""

    def __init__(self, high: int, limit: int) -> None:
        super().__init__(_("This run may cost more than its limit."))
        self.high = high
        self.limit = limit


class RunNotFailed(ValueError):
    """Only a run that failed or was cancelled can be retried."""


class WorkflowTrashed(ValueError):
    """The workflow of this run is in the trash. Restore it, then retry the run."""


@dataclass(frozen=True)
class StepQuote:
    """One node's price in micro-credits, and what it does to the world."""

    node: str
    low: int
    high: int
    cached: bool
    effect: str


@dataclass(frozen=True)
class Estimate:
    """The price of a run before it starts, micro-credits."""

    low: int
    high: int
    steps: tuple[StepQuote, ...]


def document_read(raw: Any) -> dict[str, Any]:
    """A graph that came with a request, in canonical shape; :class:`DocumentError` when malformed or too large."""
    document = document_parse(raw)
    if len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        detail = _("A graph may be at most 5 MB of JSON. Put large texts, tables and files into assets.")
        raise DocumentError("too-large-bytes", detail)
    return document


def estimate(
    *, document: Mapping[str, Any], variables: Mapping[str, Any] | None = None, targets: Iterable[str] | None = None
) -> Estimate:
    """What a run of this document would cost; :class:`InvalidGraph` when it cannot run."""
    return _estimate(plan_of(document, document_digest(document), targets), variables)


def _estimate(plan: Plan, variables: Mapping[str, Any] | None) -> Estimate:
    steps = tuple(
        StepQuote(step.node, quote.low, quote.high, False, step.type.effect.value)
        for step, quote in plan.quote({**plan.variables, **(variables or {})})
    )
    return Estimate(sum(step.low for step in steps), sum(step.high for step in steps), steps)


def run_start(
    *,
    workflow: Workflow,
    actor_id: UUID | None,
    document: Mapping[str, Any] | None = None,
    version: int | None = None,
    variables: Mapping[str, Any] | None = None,
    targets: list[str] | None = None,
    max_credits: int | None = None,
) -> Run:
    """Freeze the graph, hold its highest price, and queue the run.

    ``document`` defaults to the workflow's own. Raises :class:`InvalidGraph`, :class:`DocumentError`,
    :class:`InsufficientCredits` (nothing was submitted or held then), :class:`RunOverLimit`.
    """
    if document is None:
        document, _seq = workflow_document(workflow)
    else:
        document = document_read(document)
    digest = document_digest(document)
    quote = _estimate(plan_of(document, digest, targets), variables)
    if max_credits is not None and quote.high > max_credits:
        raise RunOverLimit(quote.high, max_credits)
    run = Run(
        workspace_id=workflow.workspace_id,
        workflow_id=workflow.id,
        project_id=workflow.project_id,
        version=version,
        actor_id=actor_id,
        variables=dict(variables or {}),
        targets=targets,
        max_credits=max_credits,
        price_low=quote.low,
        price_high=quote.high,
    )
    with transaction.atomic():
        run.graph_id = graph_keep(workflow.workspace_id, document, digest)
        _queue(run, workflow.name)
    return run


def _queue(run: Run, name: str) -> None:
    run.save(force_insert=True)
    if run.price_high:
        credits_hold(
            workspace_id=run.workspace_id,
            hold_id=run.id,
            amount=run.price_high,
            description=_("Run of %(workflow)s") % {"workflow": name},
            project_id=run.project_id,
            run_id=run.id,
        )
    poke(f"workspace.{run.workspace_id}", run=run.id)
    advance_run.delay_on_commit(run_id=str(run.id))
    log.info("run queued", action="run_start", run=str(run.id), workspace=str(run.workspace_id))


def run_cancel(*, run: Run) -> Run:
    """Ask a run to end: nothing more starts, what runs is told to stop. Repeating it changes nothing."""
    with transaction.atomic():
        asked = Run.objects.filter(id=run.id, state__in=RUN_LIVE, cancel_requested_at=None).update(
            cancel_requested_at=timezone.now()
        )
        if asked:
            seq = events_record(run.id, [("run_cancelling", {})], wake=True)
            poke(f"run.{run.id}", seq=seq)
            advance_run.delay_on_commit(run_id=str(run.id))
    run.refresh_from_db()
    return run


def run_retry(*, run: Run, actor_id: UUID | None) -> Run:
    """A new run of the same graph that takes what succeeded from ``run`` and does the rest again."""
    if run.state not in (RunState.FAILED, RunState.CANCELLED):
        raise RunNotFailed(_("Only a run that failed or was cancelled can be retried."))
    if not Workflow.objects.filter(id=run.workflow_id, trashed_at=None, project__trashed_at=None).exists():
        raise WorkflowTrashed(_("The workflow of this run is in the trash. Restore it, then retry the run."))
    plan = plan_of(run.graph.document, bytes(run.graph.digest), run.targets)
    done = set(
        Step.objects.filter(run=run, state__in=[StepState.COMPLETED, StepState.CACHED]).values_list("node", flat=True)
    )
    open_ = set(
        Step.objects.filter(run=run)
        .exclude(state__in=[StepState.COMPLETED, StepState.CACHED])
        .values_list("node", flat=True)
    )
    quotes = _estimate(plan, run.variables).steps
    again = [quote for quote in quotes if quote.node not in done or quote.node in open_]
    new = Run(
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        project_id=run.project_id,
        graph_id=run.graph_id,
        version=run.version,
        from_run=run,
        actor_id=actor_id,
        variables=run.variables,
        targets=run.targets,
        price_low=sum(quote.low for quote in again),
        price_high=sum(quote.high for quote in again),
    )
    with transaction.atomic():
        _queue(new, run.workflow.name if run.workflow else "")
    return new


__all__ = [
    "DocumentError",
    "Estimate",
    "InsufficientCredits",
    "InvalidGraph",
    "RunNotFailed",
    "RunOverLimit",
    "WorkflowTrashed",
    "document_read",
    "estimate",
    "run_cancel",
    "run_retry",
    "run_start",
]
