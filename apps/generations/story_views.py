"""What people do with one generation from wherever it is shown: stars, tags, its settings on a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.assets.models import Asset
from apps.generations.lineage import thing_of
from apps.generations.models import Generation
from apps.generations.remarks import SAME, RemarkInvalid, generation_remark
from apps.generations.services import GenerationNotFound
from apps.generations.settings_graph import settings_graph, workflow_take
from apps.generations.story import lineage_shown, tags_suggested
from apps.projects.listing import workflows_shown
from apps.projects.models import Workflow
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

WORKFLOWS_SHOWN = 30


@require_POST
@member_required(role=Role.EDITOR)
def generation_remark_set(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """Stars or tags, whichever was sent; answers that part of the detail."""
    problem = ""
    try:
        row = generation_remark(workspace_id=request.workspace.id, generation_id=generation_id, **_said(request))
    except GenerationNotFound as error:
        raise Http404 from error
    except RemarkInvalid as error:
        row, problem = _row(request, generation_id), str(error)
    if not request.htmx:
        return redirect("generations:generation_detail", request.workspace.slug, generation_id)
    context = {"row": row, "may_edit": True, "problem": problem, "suggested": tags_suggested(request.workspace.id)}
    return render(request, "generations/_remarks.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@member_required(role=Role.EDITOR)
def generation_take(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """Choose a workflow (GET, as a fragment or a page), and add the settings to it as nodes (POST)."""
    row = _row(request, generation_id)
    if settings_graph(row) is None:
        raise Http404
    if request.POST.get("workflow"):
        flow = _workflow(request)
        workflow_take(workflow=flow, row=row, actor_id=request.user.id)
        url = reverse("projects:workflow_detail", args=[request.workspace.slug, flow.id])
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    words = request.GET.get("q", "").replace("\0", " ").strip()[:100]
    found = workflows_shown(words).order_by("-active_at", "-id")[:WORKFLOWS_SHOWN]
    template = "generations/_take.html" if request.htmx else "generations/generation_take.html"
    context = {"row": row, "workflows": found, "q": words}
    return render(request, template, context, status=422 if request.method == "POST" else 200)


@require_GET
@member_required(role=Role.VIEWER)
def asset_story(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """For an asset's own page: who made it, its stars and tags, its boards, its lineage."""
    if not Asset.objects.for_workspace(request.workspace.id).filter(id=asset_id).exists():
        raise Http404
    kind, id_ = thing_of(request.workspace.id, asset_id)
    context: dict[str, Any] = {
        "asset_id": asset_id,
        "row": _row(request, id_) if kind == "generation" else None,
        "lineage": lineage_shown(request.workspace, (kind, id_)),
        "may_edit": request.role.includes(Role.EDITOR),
        "suggested": tags_suggested(request.workspace.id),
    }
    return render(request, "generations/_asset_story.html", context)


def _said(request: MemberRequest) -> dict[str, object]:
    rating: object = SAME
    if "rating" in request.POST:
        text = request.POST["rating"]
        rating = None if text in ("", "0") else int(text) if text.isdecimal() and len(text) < 3 else text
    tags: object = request.POST["tags"].split(",") if "tags" in request.POST else SAME
    return {"rating": rating, "tags": tags}


def _row(request: MemberRequest, generation_id: UUID) -> Generation:
    row: Generation | None = Generation.objects.for_workspace(request.workspace.id).filter(id=generation_id).first()
    if row is None:
        raise Http404
    return row


def _workflow(request: MemberRequest) -> Workflow:
    try:
        wanted = UUID(request.POST.get("workflow", ""))
    except ValueError as error:
        raise Http404 from error
    found: Workflow | None = workflows_shown(id=wanted).first()
    if found is None:
        raise Http404(_("This workflow is in the trash."))
    return found
