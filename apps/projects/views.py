"""Pages of projects: the list, one project, the trash, and what other pages show of them."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.projects import services
from apps.projects.forms import ProjectForm, WorkflowForm
from apps.projects.listing import projects_shown, projects_trashed, workflows_shown, workflows_trashed
from apps.projects.models import Project, Workflow
from apps.projects.starters import STARTERS
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

PAGE = 24
M = TypeVar("M", bound=Model)
ACTIVE_FIRST = ("-active_at", "-id")
TABS = ("workflows", "runs", "assets", "tape")


def may_edit(request: MemberRequest) -> bool:
    """Whether this member may change anything here."""
    return request.role.includes(Role.EDITOR)


def _project(project_id: UUID, *, trashed: bool = False) -> Project:
    rows = Project.objects.all() if trashed else Project.objects.filter(Project.LIVE)
    project: Project = get_object_or_404(rows, id=project_id)
    return project


def _page(request: MemberRequest, rows: QuerySet[M]) -> tuple[list[M], str | None]:
    try:
        return keyset_page(rows, limit=PAGE, cursor=request.GET.get("cursor"), order=ACTIVE_FIRST)
    except Problem as problem:
        raise Http404 from problem


def _words(request: MemberRequest) -> str:
    """What was typed into the search field."""
    return request.GET.get("q", "").replace("\x00", "").strip()


def _trashed_id(request: MemberRequest) -> UUID | None:
    """What was just put in the trash, to offer its way back."""
    try:
        return UUID(request.GET.get("trashed", ""))
    except ValueError:
        return None


def _with_undo(url: str, trashed: UUID) -> HttpResponse:
    return redirect(f"{url}?{urlencode({'trashed': trashed})}")


def _project_list(request: MemberRequest, form: ProjectForm) -> HttpResponse:
    words = _words(request)
    rows, cursor = _page(request, projects_shown(words))
    trashed = _trashed_id(request)
    context = {
        "projects": rows,
        "cursor": cursor,
        "words": words,
        "form": form,
        "may_edit": may_edit(request),
        "starters": STARTERS.values(),
        "trashed": trashed and Project.objects.filter(id=trashed, trashed_at__isnull=False).first(),
    }
    part = "#cards" if request.GET.get("cursor") else "#results"
    template = f"projects/project_list.html{part if request.htmx and not request.htmx.boosted else ''}"
    return render(request, template, context, status=422 if form.errors else 200)


@require_GET
@member_required(Role.GUEST)
def project_list(request: MemberRequest) -> HttpResponse:
    """Every project of the workspace, the last changed first."""
    return _project_list(request, ProjectForm())


@require_POST
@member_required(Role.EDITOR)
def project_create(request: MemberRequest) -> HttpResponse:
    """A new project; opens it."""
    form = ProjectForm(request.POST)
    if not form.is_valid():
        return _project_list(request, form)
    project = services.project_create(workspace_id=request.workspace.id, actor_id=request.user.id, **form.cleaned_data)
    return redirect("projects:project_detail", request.workspace.slug, project.id)


@require_POST
@member_required(Role.EDITOR)
def project_start(request: MemberRequest, starter: str) -> HttpResponse:
    """A project with a starter's workflow; opens the workflow."""
    if starter not in STARTERS:
        raise Http404
    workflow = services.project_start(
        workspace_id=request.workspace.id, starter=STARTERS[starter], actor_id=request.user.id
    )
    return redirect("projects:workflow_detail", request.workspace.slug, workflow.id)


def _project_detail(
    request: MemberRequest, project: Project, *, form: WorkflowForm | None = None, details: ProjectForm | None = None
) -> HttpResponse:
    tab, words = request.GET.get("tab", TABS[0]), _words(request)
    if tab not in TABS:
        raise Http404
    rows, cursor = _page(request, workflows_shown(words, project=project)) if tab == TABS[0] else ([], None)
    trashed = _trashed_id(request)
    context: dict[str, Any] = {
        "project": project,
        "workflows": rows,
        "cursor": cursor,
        "tab": tab,
        "words": words,
        "form": form or WorkflowForm(initial={"starter": ""}),
        "details": details or ProjectForm(initial={"name": project.name, "description": project.description}),
        "may_edit": may_edit(request),
        "starters": STARTERS.values(),
        "trashed": trashed and workflows_trashed().filter(id=trashed).first(),
    }
    part = "#cards" if request.GET.get("cursor") else "#results"
    template = f"projects/project_detail.html{part if request.htmx and not request.htmx.boosted else ''}"
    refused = bool(form and form.errors) or bool(details and details.errors)
    return render(request, template, context, status=422 if refused else 200)


@require_GET
@member_required(Role.GUEST)
def project_detail(request: MemberRequest, project: UUID) -> HttpResponse:
    """One project: its workflows, runs, assets and tape."""
    return _project_detail(request, _project(project))


@require_POST
@member_required(Role.EDITOR)
def project_rename(request: MemberRequest, project: UUID) -> HttpResponse:
    """Change its name and description."""
    found, form = _project(project), ProjectForm(request.POST)
    if not form.is_valid():
        return _project_detail(request, found, details=form)
    services.project_rename(project=found, **form.cleaned_data)
    return redirect("projects:project_detail", request.workspace.slug, project)


@require_POST
@member_required(Role.EDITOR)
def project_trash(request: MemberRequest, project: UUID) -> HttpResponse:
    """Into the trash; the list offers the way back."""
    services.project_trash(project=_project(project))
    return _with_undo(reverse("projects:project_list", args=[request.workspace.slug]), project)


@require_POST
@member_required(Role.EDITOR)
def project_restore(request: MemberRequest, project: UUID) -> HttpResponse:
    """Out of the trash, with its workflows; opens it."""
    found = services.project_restore(project=_project(project, trashed=True))
    messages.success(request, _("“%(name)s” is back.") % {"name": found.name})
    return redirect("projects:project_detail", request.workspace.slug, project)


@require_POST
@member_required(Role.EDITOR)
def workflow_create(request: MemberRequest, project: UUID) -> HttpResponse:
    """A new workflow, empty or from a starter; opens it."""
    found, form = _project(project), WorkflowForm(request.POST)
    if not form.is_valid():
        return _project_detail(request, found, form=form)
    workflow = services.workflow_create(
        workspace_id=request.workspace.id,
        project_id=found.id,
        name=form.cleaned_data["name"],
        graph=form.graph(),
        actor_id=request.user.id,
    )
    return redirect("projects:workflow_detail", request.workspace.slug, workflow.id)


@require_GET
@member_required()
def trash(request: MemberRequest) -> HttpResponse:
    """Projects and workflows in the trash, the last thrown away first."""
    projects: list[Project] = list(projects_trashed().order_by("-trashed_at")[:200])
    workflows: list[Workflow] = list(workflows_trashed().order_by("-trashed_at")[:200])
    context = {"projects": projects, "workflows": workflows, "may_edit": may_edit(request)}
    return render(request, "projects/trash.html", context)


@require_GET
@member_required()
def home_projects(request: MemberRequest) -> HttpResponse:
    """The workflows changed last, for the home page."""
    workflows = workflows_shown().order_by(*ACTIVE_FIRST)[:6]
    context = {"workflows": workflows, "may_edit": may_edit(request), "starters": STARTERS.values()}
    return render(request, "projects/home_projects.html", context)


@require_GET
@member_required(Role.GUEST)
def palette(request: MemberRequest) -> HttpResponse:
    """Projects and workflows whose names contain what was typed."""
    words = _words(request)
    context = {
        "projects": projects_shown(words).order_by(*ACTIVE_FIRST)[:5],
        "workflows": workflows_shown(words).order_by(*ACTIVE_FIRST)[:8],
    }
    return render(request, "projects/palette.html", context)
