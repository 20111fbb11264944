"""Pages of one step of a run: its panel, its items, and what may be done with it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.engine.plan import PlanStep
from apps.projects.models import Workflow
from apps.projects.services import operations_apply
from apps.runs import services
from apps.runs.approvals import APPROVAL_TYPE
from apps.runs.console import short_id, steps_shown
from apps.runs.detail import BadInput, inputs_editable, inputs_read, step_context, step_of
from apps.runs.models import Run, Step
from apps.runs.timeline import ITEMS_SHOWN, item_rows
from apps.runs.views import STARTING, console_of, refused, run_get
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role


def _step(run_id: UUID, node: str) -> tuple[Run, PlanStep]:
    run = run_get(run_id)
    step = step_of(run, node)
    if step is None:
        raise Http404
    return run, step


def _row(run: Run, step: PlanStep, item: int) -> Step | None:
    row: Step | None = Step.objects.filter(run_id=run.id, position=step.position, item=item).first()
    return row


def _workflow(run: Run) -> Workflow:
    workflow: Workflow | None = Workflow.objects.filter(
        id=run.workflow_id, trashed_at=None, project__trashed_at=None
    ).first()
    if workflow is None:
        raise services.WorkflowTrashed(_("The workflow of this run is in the trash. Restore it first."))
    return workflow


@require_GET
@member_required()
def step_list(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """More rows of the console, from position ``first`` on."""
    run, first = run_get(run_id), request.GET.get("first", "0")
    shown = steps_shown(run, int(first) if first.isascii() and first.isdigit() else 0)
    return render(request, "runs/rows.html", {**shown, "run": run, "short": short_id(run)})


@require_GET
@member_required()
def step_items(request: MemberRequest, run_id: UUID, node: str) -> HttpResponse:
    """A page of the items of a step that a list mapped."""
    run, step = _step(run_id, node)
    asked = request.GET.get("page", "0")
    total = Step.objects.filter(run_id=run.id, position=step.position).count()
    pages = -(-total // ITEMS_SHOWN)
    page = min(int(asked) if asked.isascii() and asked.isdigit() else 0, max(0, pages - 1))
    rows = item_rows(run, step, page=page)
    context = {"rows": rows, "run": run, "short": short_id(run), "page": page, "pages": pages, "total": total}
    first = page * ITEMS_SHOWN
    return render(request, "runs/items.html", {**context, "first": first, "last": first + len(rows) - 1})


@require_GET
@member_required()
def step_detail(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """The panel of a step."""
    run, step = _step(run_id, node)
    return _panel(request, run, step, item)


def _panel(request: MemberRequest, run: Run, step: PlanStep, item: int) -> HttpResponse:
    context = step_context(run, step, item)
    if context is None:
        raise Http404
    may_write = Role(request.membership.role).includes(Role.EDITOR)
    waits = getattr(context["view"], "waits", "")
    name = {"approval": "runs:approval_detail", "callback": "runs:callback_address"}.get(waits, "")
    answered_at = _page(name, request.workspace.slug, run.id, step.node, item)
    # Over or not, an approval has a page of its own.
    asks = context["row"] is not None and bool(context["row"].request) and step.type.type == APPROVAL_TYPE
    asked_at = _page("runs:approval_detail", request.workspace.slug, run.id, step.node, item) if asks else ""
    places = {"answered_at": answered_at, "asked_at": asked_at}
    return render(request, "runs/step_detail.html", {**context, "may_write": may_write, "waits": waits, **places})


def _page(name: str, *args: Any) -> str:
    """The address of a page, "" where there is none of that name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _started(request: MemberRequest, run: Run) -> HttpResponse:
    if not request.htmx:
        return redirect("runs:run_detail", request.workspace.slug, run.id)
    return console_of(request, run)


@require_POST
@member_required(Role.EDITOR)
def step_again(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """A new run of the same graph that does this step and what hangs on it again; the rest is taken from this run."""
    run, step = _step(run_id, node)
    part = services.Part(run.targets, run.id, step.node, run.overrides)
    try:
        new = services.run_start(
            workflow=_workflow(run),
            actor_id=request.user.id,
            document=run.graph.document,
            version=run.version,
            variables=run.variables,
            part=part,
            max_credits=run.max_credits,
            dry_run=run.dry_run,
        )
    except STARTING as error:
        return refused(request, error)
    return _started(request, new)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def step_alone(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Run only this step, with inputs that a person edited: the form, then the run."""
    run, step = _step(run_id, node)
    row = _row(run, step, item)
    if row is None:
        return refused(request, ValueError(_("This step has not started yet, so there is no input to edit.")))
    fields = inputs_editable(step, row)
    context: dict[str, Any] = {"run": run, "step": step, "item": item, "fields": fields}
    if request.method == "GET":
        return render(request, "runs/step_alone.html", context)
    try:
        part = services.Part([step.node], run.id, step.node, {step.node: inputs_read(fields, request.POST)})
        new = services.run_start(
            workflow=_workflow(run),
            actor_id=request.user.id,
            document=run.graph.document,
            version=run.version,
            variables=run.variables,
            part=part,
        )
    except (*STARTING, BadInput) as error:
        return render(request, "runs/step_alone.html", {**context, "sentence": str(error)}, status=422)
    response = _started(request, new)
    response["HX-Retarget"], response["HX-Reswap"] = "#run-console", "outerHTML"
    return response


@require_POST
@member_required(Role.EDITOR)
def step_pin(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Pin what this step gave to its node on the canvas, or (with ``unpin``) let the node run again."""
    run, step = _step(run_id, node)
    operation: dict[str, Any] = {"client_seq": 1, "op": "set", "id": step.node, "path": ["params", "$pin"]}
    pinning = "unpin" not in request.POST
    if pinning:
        row = _row(run, step, item)
        if row is None or not row.outputs or row.state not in ("completed", "cached"):
            return refused(request, ValueError(_("This step has no output to pin.")))
        operation["value"] = row.outputs
    try:
        workflow = _workflow(run)
        operations_apply(workflow=workflow, actor_id=request.user.id, client_id=f"run-{uuid4()}", ops=[operation])
    except services.WorkflowTrashed as error:
        return refused(request, error)
    done = _("Pinned: from the next run on, %(node)s uses this output without running.")
    undone = _("Unpinned: from the next run on, %(node)s runs again.")
    messages.success(request, (done if pinning else undone) % {"node": step.title})
    return _panel(request, run, step, item)


@require_POST
@member_required(Role.EDITOR)
def step_forget(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Forget what this node gave: in the next run it is done anew."""
    run, step = _step(run_id, node)
    try:
        services.cache_clear(workspace_id=request.workspace.id, workflow=_workflow(run), node=step.node)
    except services.WorkflowTrashed as error:
        return refused(request, error)
    messages.success(request, _("Results forgotten. The next run runs %(node)s again.") % {"node": step.title})
    return _panel(request, run, step, item)


def step_url(slug: str, run: Run, node: str, item: int = 0) -> str:
    """The address of a run's page with that step open."""
    return f"{reverse('runs:run_detail', args=[slug, run.id])}#step={node}.{item}"
