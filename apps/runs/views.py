"""Pages of runs: the list, one run's whole story, and the drawer below the canvas."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from apps.common.paging import keyset_page
from apps.engine.values import ASSET_KEY
from apps.generations.models import Generation, GenerationState
from apps.projects.models import Workflow, WorkflowVersion
from apps.runs import answers, services
from apps.runs.console import console_context
from apps.runs.models import RUN_LIVE, Run, RunState, StepState
from apps.runs.waits import CALLBACK, callback_url, place_of
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.limits import starts_limited
from apps.workspaces.models import Role

PAGE = 50
HOME = 5
CHOICES = 200


# What may be said against a run that somebody asks for.
STARTING = (
    services.RunNotFailed,
    services.WorkflowTrashed,
    services.CreditsRefused,
    services.InvalidGraph,
    services.NoSuchNode,
    services.NoSuchRun,
    services.NoEarlierRun,
    services.SwitchedOff,
)


def run_get(run_id: UUID) -> Run:
    """The run, or 404."""
    related = ("workflow__project", "actor", "graph", "parent__workflow")
    run: Run | None = Run.objects.select_related(*related).filter(id=run_id).first()
    if run is None:
        raise Http404
    return run


def _context(request: MemberRequest, run: Run) -> dict[str, Any]:
    may_write = request.role.includes(Role.EDITOR)
    return {**console_context(run), "may_write": may_write}


@require_GET
@member_required(Role.GUEST)
def run_list(request: MemberRequest) -> HttpResponse:
    """The workspace's runs, newest first; filtered by ``state``, ``project`` and ``workflow``."""
    asked = {name: request.GET.get(name, "") for name in ("state", "project", "workflow")}
    runs = Run.objects.filter(parent=None).select_related("workflow", "actor")
    runs = runs.defer("variables", "targets", "overrides")
    if asked["state"] in RunState.values:
        runs = runs.filter(state=asked["state"])
    if asked["project"]:
        runs = runs.filter(project_id=_uuid(asked["project"]))
    if asked["workflow"]:
        runs = runs.filter(workflow_id=_uuid(asked["workflow"]))
    rows, following = keyset_page(runs, limit=PAGE, cursor=request.GET.get("cursor") or None)
    for run in rows:
        run.took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    context = {**asked, "runs": rows, "next": following, "states": RunState.choices}
    if not request.htmx:
        context["workflows"] = Workflow.objects.filter(trashed_at=None).order_by("name").only("id", "name")[:CHOICES]
    template = "runs/run_list.html#rows" if request.htmx else "runs/run_list.html"
    return render(request, template, context)


@require_GET
@member_required()
def home_runs(request: MemberRequest) -> HttpResponse:
    """A slot of the home page: what runs or waits now, then what ran last."""
    runs = Run.objects.filter(parent=None).select_related("workflow", "actor").defer("variables", "targets")
    runs = runs.order_by("-created_at", "-id")
    live = list(runs.filter(state__in=RUN_LIVE)[:HOME])
    last = [] if len(live) == HOME else list(runs.exclude(state__in=RUN_LIVE)[: HOME - len(live)])
    return render(request, "runs/home.html", {"runs": [*live, *last]})


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@require_GET
@member_required(Role.GUEST)
def last_runs(request: MemberRequest) -> HttpResponse:
    """How each workflow of a project ran last and the picture it made, for the cards of the project's page."""
    project = _uuid(request.GET.get("project", ""))
    runs = (
        Run.objects.filter(project_id=project, parent=None)
        .order_by("workflow_id", "-created_at")
        .distinct("workflow_id")
    )
    made = Generation.objects.filter(project_id=project, state=GenerationState.SUCCEEDED, workflow_id__isnull=False)
    newest = made.order_by("workflow_id", "-created_at").distinct("workflow_id").values_list("workflow_id", "outputs")
    covers = [(workflow, outputs[0][ASSET_KEY]) for workflow, outputs in newest if outputs]
    return render(request, "runs/last_runs.html", {"runs": runs, "covers": covers})


@require_GET
@member_required(Role.GUEST)
def run_detail(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """One page that tells the whole story of a run."""
    run = run_get(run_id)
    workflow = run.workflow
    kept = workflow is not None and not (workflow.trashed_at or workflow.project.trashed_at)
    return render(request, "runs/run_detail.html", {**_context(request, run), "workflow_kept": kept})


@require_GET
@member_required(Role.GUEST)
def run_console(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The console of one run, for the drawer."""
    return render(request, "runs/console.html", _context(request, run_get(run_id)))


@require_GET
@member_required(Role.EDITOR)
def callback_address(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """The address that a waiting callback is posted to: whoever knows it can answer, so viewers are not shown it."""
    step = answers.step_find(run_id, node, item)
    if step is None or (step.request or {}).get("kind") != CALLBACK:
        raise Http404
    waiting = step.state == StepState.WAITING
    url = callback_url(place_of(step)) if waiting else ""
    return render(request, "runs/callback_address.html", {"url": url, "until": step.wake_at})


@require_GET
@member_required(Role.GUEST)
def drawer(request: MemberRequest, workflow_id: UUID) -> HttpResponse:
    """The drawer below the canvas: the newest run's console and earlier runs, or (``part=history``) only these."""
    workflow = Workflow.objects.filter(id=workflow_id).first()
    if workflow is None:
        raise Http404
    mine = Run.objects.filter(workflow=workflow, parent=None).select_related("workflow", "actor", "graph")
    runs = list(mine.order_by("-created_at")[:20])
    history = request.GET.get("part") == "history"
    context = _context(request, runs[0]) if runs and not history else {}
    template = "runs/drawer.html#history" if history else "runs/drawer.html"
    return render(request, template, {**context, "runs": runs, "workflow": workflow})


@require_POST
@member_required(Role.EDITOR)
@starts_limited
def version_run(request: MemberRequest, workflow_id: UUID, number: int) -> HttpResponse:
    """Run a version as it was kept; the page that asked shows the run."""
    rows = WorkflowVersion.objects.filter(
        workflow__trashed_at=None, workflow__project__trashed_at=None, workflow_id=workflow_id, number=number
    )
    version: WorkflowVersion | None = rows.select_related("workflow").first()
    if version is None:
        raise Http404
    try:
        run = services.run_start(
            workflow=version.workflow, actor_id=request.user.id, document=version.document, version=number
        )
    except (services.CreditsRefused, services.InvalidGraph, services.SwitchedOff) as error:
        refusal = render(request, "runs/refused.html", {"sentence": str(error)}, status=422)
        refusal["HX-Reswap"] = "afterbegin"
        return refusal
    url = reverse("runs:run_detail", args=[request.workspace.slug, run.id])
    if not request.htmx or "/versions/" in (request.htmx.current_url or ""):
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    response = HttpResponse(status=204)
    for event in ("run-started", "run-retried"):  # the console shows it, the canvas follows it
        trigger_client_event(response, event, {"id": str(run.id), "url": url})
    return trigger_client_event(response, "close-dialog")


@require_POST
@member_required(Role.EDITOR)
def run_cancel(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """Ask a run to end; the socket shows the rest."""
    run = services.run_cancel(run=run_get(run_id))
    if not request.htmx:
        return redirect("runs:run_detail", request.workspace.slug, run.id)
    return render(request, "runs/head.html", {**_context(request, run), "oob": True})


def refused(request: MemberRequest, error: Exception) -> HttpResponse:
    """Why not, at the top of the console."""
    refusal = render(request, "runs/refused.html", {"sentence": str(error)}, status=422)
    refusal["HX-Retarget"], refusal["HX-Reswap"] = "#run-console", "afterbegin"
    return refusal


def started(request: MemberRequest, run: Run) -> HttpResponse:
    """The console of a run that was just started from another's; the page is told of it."""
    if not request.htmx:
        return redirect("runs:run_detail", request.workspace.slug, run.id)
    url = reverse("runs:run_detail", args=[request.workspace.slug, run.id])
    response = render(request, "runs/console.html", _context(request, run))
    return trigger_client_event(response, "run-retried", {"id": str(run.id), "url": url})


@require_POST
@member_required(Role.EDITOR)
@starts_limited
def run_retry(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """A new run that does again what did not succeed."""
    try:
        return started(request, services.run_retry(run=run_get(run_id), actor_id=request.user.id))
    except STARTING as error:
        return refused(request, error)


@require_POST
@member_required(Role.EDITOR)
@starts_limited
def run_again(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """A new run of the same graph with the same values; what did not change is reused."""
    try:
        return started(request, services.run_repeat(run=run_get(run_id), actor_id=request.user.id))
    except STARTING as error:
        return refused(request, error)
