"""Pages of one step of a run: its panel, its items, and what may be done with it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.engine.plan import PlanStep
from apps.projects.envelopes import OperationRefused
from apps.projects.journal import DocumentTooLarge
from apps.projects.services import WorkflowGone, operations_apply
from apps.runs import services
from apps.runs.console import short_id, steps_shown
from apps.runs.detail import BadInput, inputs_editable, inputs_read, step_context, step_of
from apps.runs.models import APPROVAL_TYPE, Run, Step
from apps.runs.pins import step_gives
from apps.runs.timeline import ITEMS_SHOWN, item_rows
from apps.runs.views import STARTING, refused, run_get, started
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.limits import starts_limited
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


def _number(request: MemberRequest, name: str) -> int:
    """A number of the query; 0 for anything that is none, or too long for any list."""
    text = request.GET.get(name, "")
    return int(text) if len(text) <= 9 and text.isascii() and text.isdigit() else 0


@require_GET
@member_required(Role.GUEST)
def step_list(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """More rows of the console, from position ``first`` on."""
    run = run_get(run_id)
    shown = steps_shown(run, _number(request, "first"))
    return render(request, "runs/rows.html", {**shown, "run": run, "short": short_id(run)})


@require_GET
@member_required(Role.GUEST)
def step_items(request: MemberRequest, run_id: UUID, node: str) -> HttpResponse:
    """A page of the items of a step that a list mapped."""
    run, step = _step(run_id, node)
    total = Step.objects.filter(run_id=run.id, position=step.position).count()
    pages = -(-total // ITEMS_SHOWN)
    page = min(_number(request, "page"), max(0, pages - 1))
    rows = item_rows(run, step, page=page)
    context = {"rows": rows, "run": run, "short": short_id(run), "page": page, "pages": pages, "total": total}
    first = page * ITEMS_SHOWN
    return render(request, "runs/items.html", {**context, "first": first, "last": first + len(rows) - 1})


@require_GET
@member_required(Role.GUEST)
def step_detail(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """The panel of a step."""
    run, step = _step(run_id, node)
    return _panel(request, run, step, item)


def _panel(request: MemberRequest, run: Run, step: PlanStep, item: int) -> HttpResponse:
    context = step_context(run, step, item)
    if context is None:
        raise Http404
    may_write = request.role.includes(Role.EDITOR)
    # Over or not, an approval has a page of its own.
    asked = step.type.type == APPROVAL_TYPE and context["row"] is not None and context["row"].request is not None
    return render(request, "runs/step_detail.html", {**context, "may_write": may_write, "asked": asked})


@require_POST
@member_required(Role.EDITOR)
@starts_limited
def step_again(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """A new run of the same graph that does this step and what hangs on it again; the rest is taken from this run."""
    run, step = _step(run_id, node)
    part = services.Part(run.targets, run.id, step.node, run.overrides)
    try:
        return started(request, services.run_repeat(run=run, actor_id=request.user.id, part=part))
    except STARTING as error:
        return refused(request, error)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@starts_limited
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
        response = started(request, services.run_repeat(run=run, actor_id=request.user.id, part=part))
    except (*STARTING, BadInput) as error:
        return render(request, "runs/step_alone.html", {**context, "sentence": str(error)}, status=422)
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
        operation["value"] = step_gives(run, step)
        if not operation["value"]:
            return refused(request, ValueError(_("This step has no output to pin, or not all of it yet.")))
    try:
        workflow = services.workflow_of(run)
        operations_apply(workflow=workflow, actor_id=request.user.id, client_id=f"run-{uuid4()}", ops=[operation])
    except (OperationRefused, DocumentTooLarge):
        return refused(request, ValueError(_("This output is too large to be pinned: a graph keeps texts, not files.")))
    except (services.WorkflowTrashed, WorkflowGone) as error:
        return refused(request, error)
    row = _row(run, step, item)
    whole = row is None or row.outputs == operation.get("value")
    this = _("Pinned: from the next run on, %(node)s uses this output without running.")
    done = this if whole else _("Pinned: from the next run on, %(node)s gives what all its items gave without running.")
    undone = _("Unpinned: from the next run on, %(node)s runs again.")
    messages.success(request, (done if pinning else undone) % {"node": step.title})
    return _panel(request, run, step, item)


@require_POST
@member_required(Role.EDITOR)
def step_forget(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Forget what this node gave: in the next run it is done anew."""
    run, step = _step(run_id, node)
    try:
        services.cache_clear(workspace_id=request.workspace.id, workflow=services.workflow_of(run), node=step.node)
    except services.WorkflowTrashed as error:
        return refused(request, error)
    messages.success(request, _("Results forgotten. The next run runs %(node)s again.") % {"node": step.title})
    return _panel(request, run, step, item)
