"""What a workspace keeps for reuse: how much, since when, of which workflows; and forgetting it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, Min, OuterRef, Subquery, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.models import CacheClearing, CacheEntry
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

SHOWN = 100


@require_GET
@member_required()
def reuse(request: MemberRequest) -> HttpResponse:
    """The page of what is kept."""
    entries = CacheEntry.objects.for_workspace(request.workspace.id)
    whole = entries.aggregate(count=Count("key"), bytes=Sum("size"), oldest=Min("used_at"), newest=Max("used_at"))
    role = request.role
    context: dict[str, Any] = {
        "whole": {**whole, "bytes": whole["bytes"] or 0},
        "most_count": number_format(settings.CACHE_MAX_ENTRIES, force_grouping=True),
        "most_bytes": settings.CACHE_MAX_BYTES,
        "workflows": _by_workflow(entries),
        "cleared": CacheClearing.objects.filter(workflow=None).order_by("-at").values_list("at", flat=True).first(),
        "may_write": role.includes(Role.EDITOR),
        "may_forget_all": role.includes(Role.ADMIN),
    }
    return render(request, "runs/reuse.html", context)


def _by_workflow(entries: Any) -> list[dict[str, Any]]:
    forgotten = CacheClearing.objects.filter(workflow=OuterRef("run__workflow"), node="").values("at")[:1]
    rows = (
        entries.filter(run__workflow__isnull=False)
        .values("run__workflow", "run__workflow__name")
        .annotate(count=Count("key"), bytes=Sum("size"), oldest=Min("used_at"), newest=Max("used_at"))
        .annotate(forgotten=Subquery(forgotten))
        .order_by("-bytes")[:SHOWN]
    )
    return [{"id": row.pop("run__workflow"), "name": row.pop("run__workflow__name"), **row} for row in rows]


@require_POST
@member_required(Role.ADMIN)
def reuse_forget(request: MemberRequest) -> HttpResponse:
    """Forget every result of the workspace."""
    services.cache_clear(workspace_id=request.workspace.id)
    messages.success(request, _("All results forgotten. Every step runs again next time."))
    return redirect("runs:reuse", request.workspace.slug)


@require_POST
@member_required(Role.EDITOR)
def workflow_forget(request: MemberRequest, workflow_id: UUID) -> HttpResponse:
    """Forget the results of one workflow."""
    workflow = Workflow.objects.filter(id=workflow_id).first()
    if workflow is None:
        raise Http404
    services.cache_clear(workspace_id=request.workspace.id, workflow=workflow)
    done = _("Results of %(workflow)s forgotten. Every step runs again next time.")
    messages.success(request, done % {"workflow": workflow.name})
    return redirect("runs:reuse", request.workspace.slug)
