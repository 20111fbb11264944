"""The grid of a step's variants: side by side, with what differs, cost, time and votes; one of them goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from apps.runs import comparing
from apps.runs.comparison import comparison_read
from apps.runs.models import Run
from apps.runs.variants import varied_step
from apps.runs.views import STARTING, run_get
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.limits import starts_limited
from apps.workspaces.models import Role


def _context(request: MemberRequest, run: Run, node: str, sentence: str = "") -> dict[str, Any]:
    step = varied_step(run, node)
    if step is None:
        raise Http404
    may_write = request.role.includes(Role.EDITOR)
    found = comparison_read(run, step, request.user.id)
    return {"run": run, "comparison": found, "may_write": may_write, "sentence": sentence}


def _grid(request: MemberRequest, run: Run, node: str, sentence: str = "") -> HttpResponse:
    context = _context(request, run, node, sentence)
    return render(request, "runs/compare.html#grid", context, status=422 if sentence else 200)


@require_GET
@member_required()
def compare(request: MemberRequest, run_id: UUID, node: str) -> HttpResponse:
    """The variants of a step: a page, or its grid for a dialog and for whoever looks again."""
    run = run_get(run_id)
    if request.htmx:
        return _grid(request, run, node)
    return render(request, "runs/compare.html", _context(request, run, node))


@require_POST
@member_required()
def variant_vote(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Vote for a variant, or with ``undo`` take the vote back. Whoever may look may have an opinion."""
    run, vote = run_get(run_id), "undo" not in request.POST

    def say() -> Run:
        comparing.variant_vote(run=run, node=node, place=item, user_id=request.user.id, vote=vote)
        return run

    return _said(request, run, node, say)


@require_POST
@member_required(Role.EDITOR)
@starts_limited
def variant_choose(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Let a variant go on; the grid shows the run in which it does, and the canvas follows it."""
    run = run_get(run_id)

    def say() -> Run:
        return comparing.variant_choose(run=run, node=node, place=item, actor_id=request.user.id)

    return _said(request, run, node, say)


def _said(request: MemberRequest, run: Run, node: str, say: Callable[[], Run]) -> HttpResponse:
    """The grid after something was said of a variant, with a sentence where it could not be."""
    try:
        then = say()
    except comparing.NoSuchVariant as error:
        raise Http404 from error
    except (comparing.NotChoosable, comparing.NotVotable, *STARTING) as error:
        return _grid(request, run, node, str(error))
    url = reverse("runs:compare", args=[request.workspace.slug, then.id, node])
    if not request.htmx:
        return redirect(url)
    response = _grid(request, run_get(then.id), node)
    if then.id == run.id:
        return response
    place = {"id": str(then.id), "url": reverse("runs:run_detail", args=[request.workspace.slug, then.id])}
    for event in ("run-started", "run-retried"):  # the console shows it, the canvas follows it
        trigger_client_event(response, event, place)
    return response
