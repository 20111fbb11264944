"""The workflow page and what is done there beside the graph itself, which the island changes over its socket."""

from __future__ import annotations

from json import dumps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from apps.common.described import described
from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.engine.policy import SETTINGS
from apps.projects import services, versions
from apps.projects.forms import NameForm, VersionForm
from apps.projects.models import Workflow, WorkflowVersion
from apps.projects.outline import outline_svg
from apps.projects.subflows import catalogue_for
from apps.projects.views import may_edit
from apps.providers.catalogue import offered
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

VERSIONS_PAGE = 30
NODES_SHOWN = 500
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
        "nodeTypes": catalogue_for(workflow, document),
        "settings": described(SETTINGS),
        "models": described([model.to_json() for model in offered()]),
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
@member_required(Role.GUEST)
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
@member_required(Role.GUEST)
def workflow_outline(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The graph as a small picture. With the newest ``?seq`` in its address the browser may keep it."""
    document, seq = services.workflow_document(_workflow(workflow))
    return _svg(document, kept=request.GET.get("seq") == str(seq))


def _svg(document: dict[str, Any], *, kept: bool) -> HttpResponse:
    response = HttpResponse(outline_svg(document), content_type="image/svg+xml")
    response["Cache-Control"] = f"private, max-age={OUTLINE_KEPT_S if kept else 0}"
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


def _versions(request: MemberRequest, workflow: Workflow, **refused: Any) -> HttpResponse:
    """The list; with ``refusal`` what was not done and why, answered 422."""
    rows = WorkflowVersion.objects.filter(workflow=workflow).defer("document").select_related("created_by")
    try:
        found, cursor = keyset_page(rows, limit=VERSIONS_PAGE, cursor=request.GET.get("cursor"), order=("-number",))
    except Problem as problem:
        raise Http404 from problem
    context = {"workflow": workflow, "versions": found, "cursor": cursor, "may_edit": may_edit(request), **refused}
    part = "#rows" if request.GET.get("cursor") else ""
    return render(request, f"projects/version_list.html{part}", context, status=422 if refused else 200)


@require_GET
@member_required(Role.GUEST)
def version_list(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The versions of a workflow, newest first, for the dialog on its page."""
    return _versions(request, _workflow(workflow))


@require_POST
@member_required(Role.EDITOR)
def version_create(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Keep this moment under a name."""
    found, form = _workflow(workflow), VersionForm(request.POST)
    if not form.is_valid():
        (refusal, *_more) = (text for errors in form.errors.values() for text in errors)
        return _versions(request, found, refusal=refusal, typed=request.POST.get("name", ""))
    version = versions.version_create(workflow=found, actor_id=request.user.id, **form.cleaned_data)
    messages.success(request, _("Version %(number)d is kept.") % {"number": version.number})
    return _versions(request, found)


@require_POST
@member_required(Role.EDITOR)
def version_publish(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """Make a version the one that triggers and the API run."""
    found = _workflow(workflow)
    try:
        versions.version_publish(workflow=found, number=number)
    except WorkflowVersion.DoesNotExist as error:
        raise Http404 from error
    except versions.VersionCannotRun as error:
        return _versions(request, found, refusal=str(error), problems=_problems(found, number, error))
    messages.success(request, _("Version %(number)d is published.") % {"number": number})
    return _versions(request, _workflow(workflow))


def _problems(workflow: Workflow, number: int, error: versions.VersionCannotRun) -> list[dict[str, str]]:
    """Each problem with the name of its node."""
    titles = {node["id"]: node["title"] or node["id"] for node in _version(workflow, number).document["nodes"]}
    return [{"title": titles.get(problem.node or "", ""), "message": problem.message} for problem in error.problems]


def _version(workflow: Workflow, number: int) -> WorkflowVersion:
    rows = WorkflowVersion.objects.select_related("created_by")
    version: WorkflowVersion = get_object_or_404(rows, workflow=workflow, number=number)
    return version


@require_GET
@member_required(Role.GUEST)
def version_detail(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """A version as it was, to look at."""
    found = _workflow(workflow)
    version = _version(found, number)
    types = {(item["type"], item["version"]): item["title"] for item in catalogue_for(found, version.document)}
    nodes = [_node_shown(node, types) for node in version.document["nodes"][:NODES_SHOWN]]
    context = {
        "workflow": found,
        "project": found.project,
        "version": version,
        "nodes": nodes,
        "may_edit": may_edit(request),
    }
    return render(request, "projects/version_detail.html", context)


def _node_shown(node: dict[str, Any], types: dict[tuple[str, int], str]) -> dict[str, Any]:
    kind = types.get((node["type"], node["version"]), node["type"])
    texts = {name: value if isinstance(value, str) else dumps(value) for name, value in node["params"].items()}
    params = [(name, Truncator(text).chars(120)) for name, text in texts.items()]
    return {"title": node["title"] or kind, "type": kind, "params": params}


@require_GET
@member_required(Role.GUEST)
def version_outline(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """A version's graph as a picture, which never changes."""
    return _svg(_version(_workflow(workflow), number).document, kept=True)


@require_POST
@member_required(Role.EDITOR)
def version_restore(request: MemberRequest, workflow: UUID, number: int) -> HttpResponse:
    """Make the graph what it was; open pages see it happen, and undo takes it back."""
    found = _workflow(workflow)
    try:
        versions.version_restore(workflow=found, number=number, actor_id=request.user.id)
    except WorkflowVersion.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The graph is as it was in version %(number)d.") % {"number": number})
    return trigger_client_event(_versions(request, found), "close-dialog")
