"""The door for starting, cancelling and repeating runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.services import CreditsRefused as CreditsRefused
from apps.billing.services import credits_hold
from apps.common.live import poke
from apps.common.statements import row_insert
from apps.engine.documents import MAX_BYTES, DocumentError, document_parse
from apps.engine.plan import Plan, PlanStep
from apps.engine.validation import GraphProblem
from apps.engine.values import null_problem, value_problem
from apps.engine.vary import WINNER, variant_place
from apps.generations.keys import own_providers
from apps.generations.pricing import PriceRisen, price_agree
from apps.projects.models import Workflow
from apps.projects.services import workflow_document
from apps.runs.lease import hold_amount
from apps.runs.models import CacheClearing, CacheEntry, Run, RunState
from apps.runs.plans import InvalidGraph as InvalidGraph
from apps.runs.plans import document_digest, graph_keep, plan_of, variables_check, workflow_plan
from apps.runs.preview import StepPreview, past_of, preview
from apps.runs.subruns import cancel_ask
from apps.runs.tasks import advance_run, begin
from apps.workspaces.audit import audit_record
from apps.workspaces.switches import SwitchedOff as SwitchedOff
from apps.workspaces.switches import SwitchName, switch_require

log = structlog.get_logger(__name__)


class RunNotFailed(ValueError):
    """Only a run that failed or was cancelled can be retried."""


class WorkflowTrashed(ValueError):
    """The workflow of this run is in the trash. Restore it first."""


class NoSuchNode(ValueError):
    """The graph has no node of that name."""


class NoSuchRun(LookupError):
    """There is no run with the id given in ``from_run``."""


class NoEarlierRun(ValueError):
    """There is no finished run of this workflow to go on from."""


@dataclass(frozen=True)
class Estimate:
    """The price of a run before it starts, micro-credits, and what would happen to each node.

    ``per_item``: the price is where it begins, for a node counts one item of a list that the run itself makes.
    ``own_keys``: the vendors that bill the workspace itself, by its own keys. ``own``: all those it has a key with,
    whether this price needed them or not.
    """

    low: int
    high: int
    steps: tuple[StepPreview, ...]
    per_item: bool = False
    own_keys: tuple[str, ...] = ()
    own: Collection[str] = ()


@dataclass(frozen=True)
class Part:
    """Which part of a workflow is run, and what is taken from where.

    ``targets``: these nodes and what they need. ``from_run``: what it made is kept where the work is the same.
    ``from_node``: this node runs again in any case (the source is the last finished run, unless ``from_run`` is given).
    ``inputs``: values by node and port that take the place of what arrives there.
    """

    targets: list[str] | None = None
    from_run: UUID | None = None
    from_node: str = ""
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


WHOLE = Part()


def document_read(raw: Any) -> dict[str, Any]:
    """A graph that came with a request, in canonical shape; :class:`DocumentError` when malformed or too large."""
    document = document_parse(raw)
    if len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        detail = _("A graph may be at most 5 MB of JSON. Put large texts, tables and files into assets.")
        raise DocumentError("too-large-bytes", detail)
    return document


def estimate(
    *,
    workflow: Workflow,
    document: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    part: Part = WHOLE,
) -> Estimate:
    """What a run would do and cost; raises what :func:`run_start` raises about the graph and the part."""
    document = workflow_document(workflow)[0] if document is None else document_read(document)
    plan = plan_of(document, document_digest(document), part.targets, within=workflow.id)
    variables_check(plan, variables or {})
    return _estimate(workflow, plan, variables, part_resolve(workflow, plan, part))


def _estimate(workflow: Workflow, plan: Plan, variables: Mapping[str, Any] | None, part: Part) -> Estimate:
    past = past_of(
        workspace_id=workflow.workspace_id,
        workflow_id=workflow.id,
        from_run_id=part.from_run,
        from_node=part.from_node,
    )
    # Whose keys are used matters only where something is paid; most graphs need not ask.
    own = own_providers(workspace_id=workflow.workspace_id, project_id=workflow.project_id) if plan.paid else ()
    told: dict[str, Any] = {
        "variables": variables or {},
        "overrides": part.inputs,
        "workflow_id": workflow.id,
        "own": own,
    }
    steps = tuple(preview(plan=plan, past=past, **told))
    per_item = any(step.per_item for step in steps)
    vendors = tuple(sorted({vendor for step in steps for vendor in step.own_keys}))
    return Estimate(sum(step.low for step in steps), sum(step.high for step in steps), steps, per_item, vendors, own)


def part_resolve(workflow: Workflow, plan: Plan, part: Part) -> Part:
    """The part with its source run filled in; :class:`NoSuchNode`, :class:`NoSuchRun`, :class:`NoEarlierRun`."""
    nodes = {step.node: step for step in plan.steps}
    for node in [*part.inputs, *([part.from_node] if part.from_node else [])]:
        if node not in nodes:
            raise NoSuchNode(_("There is no node %(node)s in the part that runs.") % {"node": node})
        _inputs_check(nodes[node], part.inputs.get(node, {}))
    if part.from_run is not None:
        source = Run.objects.filter(id=part.from_run).values_list("workflow_id", flat=True)
        if not source:
            raise NoSuchRun(NoSuchRun.__doc__)
        if source[0] != workflow.id:
            raise NoEarlierRun(_("The run given in `from_run` is of another workflow."))
        return part
    if not part.from_node:
        return part
    runs = Run.objects.filter(workflow=workflow, dry_run=False, finished_at__isnull=False)
    last = runs.order_by("-created_at").values_list("id", flat=True).first()
    if last is None:
        raise NoEarlierRun(_("This workflow has not finished a run yet. Run it from the beginning first."))
    return replace(part, from_run=last)


def _inputs_check(step: PlanStep, inputs: Mapping[str, Any]) -> None:
    """Whether a run can give these to a step: values at its ports, or which of its variants goes on."""
    for port, value in inputs.items():
        if port == WINNER and step.variants:
            if variant_place(step.variants, value) is None:
                raise NoSuchNode(_("%(node)s has no such variant.") % {"node": step.title})
        elif not step.type.takes(port):
            raise NoSuchNode(_("%(node)s has no input %(port)s.") % {"node": step.title, "port": port})
        else:
            _value_check(step, port, value)


def _value_check(step: PlanStep, name: str, value: Any) -> None:
    """Whether an edited value fits its port: what does not would only fail the step."""
    port = next(one for one in (*step.type.inputs, *step.type.given) if one.name == name)
    problem = value_problem(value, port, nested=port.many)
    if problem is None and value is None:
        problem = null_problem(port)
    if problem:
        raise InvalidGraph([GraphProblem(step.node, name, "wrong-type", problem)])


def run_start(
    *,
    workflow: Workflow,
    actor_id: UUID | None,
    token_id: UUID | None = None,
    document: Mapping[str, Any] | None = None,
    version: int | None = None,
    variables: Mapping[str, Any] | None = None,
    part: Part = WHOLE,
    max_credits: int | None = None,
    agreed: int | None = None,
    dry_run: bool = False,
) -> Run:
    """Freeze the graph, hold its highest price (``max_credits`` at most), and queue the run.

    ``document`` defaults to the workflow's own; ``token_id`` is the API token that asked; ``agreed`` the price that
    whoever asks was shown. Raises :class:`InvalidGraph`, :class:`DocumentError`, :class:`NoSuchNode`,
    :class:`NoSuchRun`, :class:`NoEarlierRun`, :class:`PriceRisen` (more than agreed would be held),
    :class:`CreditsRefused` (too few, or a budget), :class:`SwitchedOff`; nothing was submitted or held then.
    """
    switch_require(SwitchName.RUNS, workflow.workspace_id)
    plan, digest, document = _freeze(workflow, document, part.targets)
    if not plan.steps:
        raise InvalidGraph([GraphProblem(None, None, "no-nodes", _("There is no node here to run. Add one first."))])
    variables_check(plan, variables or {})
    part = part_resolve(workflow, plan, part)
    run = Run(
        workspace_id=workflow.workspace_id,
        workflow_id=workflow.id,
        project_id=workflow.project_id,
        version=version,
        from_run_id=part.from_run,
        from_node=part.from_node,
        overrides={node: dict(ports) for node, ports in part.inputs.items()},
        actor_id=actor_id,
        token_id=token_id,
        variables=dict(variables or {}),
        targets=part.targets,
        max_credits=max_credits,
        dry_run=dry_run,
    )
    _price(run, workflow, plan, part)
    held = hold_amount(run.price_high, run.max_credits)
    price_agree(low=min(run.price_low, held), high=held, agreed=agreed)
    _queue(run, workflow.name, document, digest)
    return run


def _price(run: Run, workflow: Workflow, plan: Plan, part: Part) -> None:
    if run.dry_run or not plan.paid:
        return
    quote = _estimate(workflow, plan, run.variables, part)
    run.price_low, run.price_high, run.own_providers = quote.low, quote.high, sorted(quote.own)


def _freeze(
    workflow: Workflow, document: Mapping[str, Any] | None, targets: list[str] | None
) -> tuple[Plan, bytes, Mapping[str, Any] | None]:
    """The plan of a document, or of the workflow's own, with what :func:`graph_keep` needs to store it."""
    if document is None:
        return workflow_plan(workflow, targets)
    document = document_read(document)
    digest = document_digest(document)
    return plan_of(document, digest, targets, within=workflow.id), digest, document


def _queue(run: Run, name: str, document: Mapping[str, Any] | None, digest: bytes) -> None:
    """Store the run and its graph, hold its price, and have it driven: all or nothing."""
    held = hold_amount(run.price_high, run.max_credits)
    # A run that holds no credits is one row, which needs no transaction around it.
    with transaction.atomic() if held else nullcontext():
        run.graph_id = graph_keep(run.workspace_id, document, digest)
        row_insert(run)
        if held:
            credits_hold(
                workspace_id=run.workspace_id,
                hold_id=run.id,
                amount=held,
                description=_("Run of %(workflow)s") % {"workflow": name},
                project_id=run.project_id,
                run_id=run.id,
                workflow_id=run.workflow_id,
                actor_id=run.actor_id,
                token_id=run.token_id,
            )
        poke(f"workspace.{run.workspace_id}", run=run.id)
        transaction.on_commit(partial(begin, run.id), robust=True)
    log.info("run queued", action="run_start", run=str(run.id), workspace=str(run.workspace_id))


def run_cancel(*, run: Run) -> Run:
    """Ask a run to end: nothing more starts, what runs is told to stop. Repeating it changes nothing."""
    with transaction.atomic():
        if cancel_ask(run.id):
            audit_record(workspace_id=run.workspace_id, action="run_cancel", target_id=run.id)
            advance_run.delay_on_commit(run_id=str(run.id))
    run.refresh_from_db()
    return run


def run_wake(*, run: Run) -> None:
    """Have a driver look at a run now, whatever was sent before. One that is driven already is left alone."""
    advance_run.delay_on_commit(run_id=str(run.id))


def run_retry(*, run: Run, actor_id: UUID | None, token_id: UUID | None = None) -> Run:
    """A new run of the same graph that takes what succeeded from ``run`` and does the rest again."""
    if run.state not in (RunState.FAILED, RunState.CANCELLED):
        raise RunNotFailed(_("Only a run that failed or was cancelled can be retried."))
    if run.parent_id is not None:
        raise RunNotFailed(_("This run is a step of another run. Retry that one; what is done is reused."))
    with transaction.atomic():
        part = Part(run.targets, run.id, "", run.overrides)
        again = run_repeat(run=run, actor_id=actor_id, token_id=token_id, part=part)
        audit_record(
            workspace_id=run.workspace_id,
            action="run_retry",
            target_id=run.id,
            actor_id=actor_id,
            after={"run": again.id},
        )
    return again


def run_repeat(*, run: Run, actor_id: UUID | None, token_id: UUID | None = None, part: Part | None = None) -> Run:
    """A new run of the same graph with the same values and limits; of the same part, unless another is given.

    Raises :class:`WorkflowTrashed`, and what :func:`run_start` raises.
    """
    return run_start(
        workflow=workflow_of(run),
        actor_id=actor_id,
        token_id=token_id,
        document=run.graph.document,
        version=run.version,
        variables=run.variables,
        part=part or Part(run.targets, inputs=run.overrides),
        max_credits=run.max_credits,
        dry_run=run.dry_run,
    )


def workflow_of(run: Run) -> Workflow:
    """The workflow that a run is of, where something may be done with it; :class:`WorkflowTrashed`."""
    workflows = Workflow.objects.filter(id=run.workflow_id, trashed_at=None, project__trashed_at=None)
    workflow: Workflow | None = workflows.first()
    if workflow is None:
        raise WorkflowTrashed(_("The workflow of this run is in the trash. Restore it first."))
    return workflow


def cache_clear(*, workspace_id: UUID, workflow: Workflow | None = None, node: str = "") -> None:
    """Forbid reuse of what was made up to now: of a node, of a workflow, or of the whole workspace."""
    place = {"workspace_id": workspace_id, "workflow": workflow, "node": node}
    with transaction.atomic():
        CacheClearing.objects.update_or_create(**place, defaults={"at": timezone.now()})
        if workflow is None:
            CacheEntry.objects.filter(workspace_id=workspace_id).delete()


__all__ = [
    "CreditsRefused",
    "DocumentError",
    "Estimate",
    "InvalidGraph",
    "NoEarlierRun",
    "NoSuchNode",
    "NoSuchRun",
    "Part",
    "PriceRisen",
    "RunNotFailed",
    "SwitchedOff",
    "WorkflowTrashed",
    "cache_clear",
    "document_read",
    "estimate",
    "run_cancel",
    "run_repeat",
    "run_retry",
    "run_start",
    "run_wake",
    "workflow_of",
]
