"""The workflow page and what is done there beside the graph itself, which the island changes over its socket."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from apps.common.described import described
from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.engine.policy import SETTINGS
from apps.nodes.registry import catalogue_json
from apps.projects import services
from apps.projects.forms import NameForm
from apps.projects.models import Workflow, WorkflowVersion
from apps.projects.outline import outline_svg
from apps.projects.views import may_edit
from apps.providers.catalogue import MODELS
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

VERSIONS_PAGE = 30
# A picture's address names the moment it shows, so it never changes.
OUTLINE_KEPT_S = 365 * 24 * 3600


def _workflow(workflow_id: UUID, *, trashed: bool = False) -> Workflow:
    rows = Workflow.objects.filter(project__trashed_at=None) if trashed else Workflow.objects.filter(Workflow.LIVE)
    workflow: Workflow = get_object_or_404(rows.select_related("project").defer(Workflow.HEAVY), id=workflow_id)
    return workflow


def _url(name: str, *args: Any) -> str:
    """A page's address, "" where no such page exists (an app above that is not installed)."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _boot(request: MemberRequest, workflow: Workflow) -> dict[str, Any]:
    """What the island starts with; CONTRACT's shapes for graph, catalogue and models."""
    document, seq = services.workflow_document(workflow)
    slug = request.workspace.slug
    return {
        "workflow": {"id": workflow.id, "name": workflow.name, "seq": seq, "graph": document},
        "nodeTypes": described(catalogue_json()),
        "settings": described(SETTINGS),
        "models": described([model.to_json() for model in MODELS.values()]),
        "user": {"id": request.user.id, "name": request.user.get_full_name()},
        "csrf": get_token(request),
        "urls": {
            "project": reverse("projects:project_detail", args=[slug, workflow.project_id]),
            "billing": _url("billing:ledger", slug),
            "gallery": _url("assets:gallery", slug),
            "tape": _url("generations:tape", slug),
        },
        "run": None,
    }


@require_GET
@member_required()
def workflow_detail(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The canvas, as high as the window."""
    found = _workflow(workflow)
    context = {
        "workflow": found,
        "project": found.project,
        "boot": _boot(request, found),
        "may_edit": may_edit(request),
        "drawer": _url("runs:drawer", request.workspace.slug, found.id),
    }
    return render(request, "projects/workflow_detail.html", context)


@require_GET
@member_required()
def workflow_outline(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The graph as a small picture. With the newest ``?seq`` in its address the browser may keep it."""
    document, seq = services.workflow_document(_workflow(workflow))
    response = HttpResponse(outline_svg(document), content_type="image/svg+xml")
    newest = request.GET.get("seq") == str(seq)
    response["Cache-Control"] = f"private, max-age={OUTLINE_KEPT_S if newest else 0}"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


@require_POST
@member_required(Role.EDITOR)
def workflow_rename(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Change the name, in place in the top bar or from a list."""
    found, form = _workflow(workflow), NameForm(request.POST)
    if form.is_valid():
        services.workflow_rename(workflow=found, name=form.cleaned_data["name"])
    if not request.htmx:
        return redirect("projects:workflow_detail", request.workspace.slug, found.id)
    context = {"workflow": found, "project": found.project, "form": form, "may_edit": True}
    return render(request, "projects/workflow_name.html", context, status=422 if form.errors else 200)


@require_POST
@member_required(Role.EDITOR)
def workflow_duplicate(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """A copy beside it; opens the copy."""
    copy = services.workflow_duplicate(workflow=_workflow(workflow), actor_id=request.user.id)
    return redirect("projects:workflow_detail", request.workspace.slug, copy.id)


@require_POST
@member_required(Role.EDITOR)
def workflow_trash(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Into the trash; the project's page offers the way back."""
    found = services.workflow_trash(workflow=_workflow(workflow))
    url = reverse("projects:project_detail", args=[request.workspace.slug, found.project_id])
    return redirect(f"{url}?{urlencode({'trashed': found.id})}")


@require_POST
@member_required(Role.EDITOR)
def workflow_restore(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Out of the trash; back to its project."""
    found = services.workflow_restore(workflow=_workflow(workflow, trashed=True))
    messages.success(request, _("“%(name)s” is back.") % {"name": found.name})
    return redirect("projects:project_detail", request.workspace.slug, found.project_id)


# --- Versions ------------------------------------------------------------------------------------------------------


def _versions(request: MemberRequest, workflow: Workflow) -> HttpResponse:
    rows = WorkflowVersion.objects.filter(workflow=workflow).defer("document").select_related("created_by")
    try:
        versions, cursor = keyset_page(rows, limit=VERSIONS_PAGE, cursor=request.GET.get("cursor"), order=("-number",))
    except Problem as problem:
        raise Http404 from problem
    context = {"workflow": workflow, "versions": versions, "cursor": cursor, "may_edit": may_edit(request)}
    part = "#rows" if request.GET.get("cursor") else ""
    return render(request, f"projects/version_list.html{part}", context)


@require_GET
@member_required()
def version_list(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The versions of a workflow, newest first, for the dialog on its page."""
    return _versions(request, _workflow(workflow))


@require_POST
@member_required(Role.EDITOR)
def version_create(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Keep this moment under a name."""
    found = _workflow(workflow)
    name, note = request.POST.get("name", ""), request.POST.get("note", "")
    version = services.version_create(workflow=found, actor_id=request.user.id, name=name, note=note[:2000])
    messages.success(request, _("Version %(number)d is kept.") % {"number": version.number})
    return _versions(request, found)


@require_POST
@member_required(Role.EDITOR)
def version_publish(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """Make a version the one that triggers and the API run."""
    found = _workflow(workflow)
    try:
        services.version_publish(workflow=found, number=number)
    except WorkflowVersion.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Version %(number)d is published.") % {"number": number})
    return _versions(request, _workflow(workflow))


@require_POST
@member_required(Role.EDITOR)
def version_restore(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """Make the graph what it was; open pages see it happen, and undo takes it back."""
    found = _workflow(workflow)
    try:
        services.version_restore(workflow=found, number=number, actor_id=request.user.id)
    except WorkflowVersion.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The graph is as it was in version %(number)d.") % {"number": number})
    return trigger_client_event(_versions(request, found), "close-dialog")
