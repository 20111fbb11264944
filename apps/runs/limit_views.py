"""Settings, Limits: the plan, and what is used of it now."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.runs.limits import limits_of
from apps.workspaces.access import MemberRequest, member_required


@require_GET
@member_required()
def limits(request: MemberRequest) -> HttpResponse:
    """The page; htmx asks for what moves."""
    context = {"limits": limits_of(request.workspace, person_id=request.user.id)}
    part = "#now" if request.htmx and not request.htmx.boosted else ""
    return render(request, f"runs/limits.html{part}", context)
