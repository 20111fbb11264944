"""The comments panel of a workflow, and what is done in it. Every answer is the panel anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from apps.projects import comments
from apps.projects.models import Comment, Workflow
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

NAMES_SHOWN = 100
PEOPLE_OFFERED = 8
MENTIONS_SHOWN = 10


def _workflow(workflow_id: UUID) -> Workflow:
    rows = Workflow.objects.filter(Workflow.LIVE).select_related("project").defer(Workflow.HEAVY)
    workflow: Workflow = get_object_or_404(rows, id=workflow_id)
    return workflow


def _comment(workflow: Workflow, comment_id: UUID) -> Comment:
    comment: Comment = get_object_or_404(Comment.objects.filter(workflow=workflow), id=comment_id)
    comment.workflow = workflow
    return comment


def _panel(request: MemberRequest, workflow: Workflow, status: int = 200, **more: Any) -> HttpResponse:
    rows = list(comments.comments_shown(workflow))
    heads = [row for row in rows if row.parent_id is None]
    answers: dict[UUID, list[Comment]] = {}
    for row in rows:
        if row.parent_id is not None:
            answers.setdefault(row.parent_id, []).append(row)
    threads = [(head, answers.get(head.id, [])) for head in heads]
    people = comments.people_nameable(workflow, besides=request.user.id)
    context = {
        "workflow": workflow,
        "open": [thread for thread in threads if thread[0].resolved_at is None][-comments.THREADS_SHOWN :],
        "settled": [thread for thread in threads if thread[0].resolved_at is not None][-comments.THREADS_SHOWN :],
        "names": [row.user.get_full_name() for row in people[:NAMES_SHOWN]],
        "may_resolve": request.role.includes(Role.EDITOR),
        "may_delete": request.role.includes(Role.ADMIN),
        **more,
    }
    return render(request, "projects/comments.html", context, status=status)


@require_GET
@member_required(Role.GUEST)
def comment_list(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """The panel; whoever looks has seen what names them."""
    found = _workflow(workflow)
    comments.mentions_see(workflow=found, user_id=request.user.id)
    return _panel(request, found)


@require_GET
@member_required(Role.GUEST)
def comment_people(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """Whom ``q``, what stands behind an @ by now, may be the beginning of: the options of a list below the text."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    people = comments.people_nameable(_workflow(workflow), besides=request.user.id, words=words)
    return render(request, "projects/comment_people.html", {"people": people[:PEOPLE_OFFERED]})


@require_POST
@member_required(Role.GUEST)
def comment_add(request: MemberRequest, workflow: UUID) -> HttpResponse:
    """A new thread, or an answer to one."""
    found, body = _workflow(workflow), request.POST.get("body", "")
    parent = request.POST.get("parent", "")
    try:
        comments.comment_add(
            workflow=found,
            author_id=request.user.id,
            body=body,
            node=request.POST.get("node", ""),
            parent_id=UUID(parent) if parent else None,
        )
    except comments.CommentRefused as error:
        node = request.POST.get("node", "")
        return _panel(request, found, 422, problem=str(error), typed=body, typed_for=parent, node=node)
    except (Comment.DoesNotExist, ValueError) as error:
        raise Http404 from error
    return _panel(request, found)


def _own(request: MemberRequest, workflow_id: UUID, comment_id: UUID, *, or_role: Role | None = None) -> Comment:
    """The comment if it is the reader's own, or if their role lets them touch others'."""
    comment = _comment(_workflow(workflow_id), comment_id)
    if comment.author_id != request.user.id and (or_role is None or not request.role.includes(or_role)):
        raise PermissionDenied
    return comment


@require_POST
@member_required(Role.GUEST)
def comment_edit(request: MemberRequest, workflow: UUID, comment: UUID) -> HttpResponse:
    """Change one's own words."""
    found, body = _own(request, workflow, comment), request.POST.get("body", "")
    try:
        comments.comment_edit(comment=found, body=body)
    except comments.CommentRefused as error:
        return _panel(request, found.workflow, 422, problem=str(error), typed=body, editing=found.id)
    return _panel(request, found.workflow)


@require_POST
@member_required(Role.GUEST)
def comment_delete(request: MemberRequest, workflow: UUID, comment: UUID) -> HttpResponse:
    """Delete it, with a way back."""
    found = _own(request, workflow, comment, or_role=Role.ADMIN)
    comments.comment_delete(comment=found)
    return _panel(request, found.workflow, deleted=found)


@require_POST
@member_required(Role.GUEST)
def comment_restore(request: MemberRequest, workflow: UUID, comment: UUID) -> HttpResponse:
    """Take a deletion back."""
    found = _own(request, workflow, comment, or_role=Role.ADMIN)
    comments.comment_restore(comment=found)
    return _panel(request, found.workflow)


@require_POST
@member_required(Role.GUEST)
def comment_resolve(request: MemberRequest, workflow: UUID, comment: UUID) -> HttpResponse:
    """Settle a thread, or open it again: who began it, and editors."""
    found = _own(request, workflow, comment, or_role=Role.EDITOR)
    try:
        resolved = request.POST.get("resolved") == "1"
        comments.thread_resolve(comment=found, actor_id=request.user.id, resolved=resolved)
    except comments.CommentRefused as error:
        return _panel(request, found.workflow, 422, problem=str(error))
    return _panel(request, found.workflow)


@require_GET
@member_required(Role.GUEST)
def mention_list(request: MemberRequest) -> HttpResponse:
    """What names the reader and they have not seen: for Home."""
    rows = comments.mentions_open(request.user.id)[:MENTIONS_SHOWN]
    return render(request, "projects/mentions.html", {"mentions": rows})
