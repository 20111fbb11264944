"""Comments on a workflow, or on one of its nodes: threads of them, with the people they name.

Whoever sees the project may comment. One's own comments can be changed and deleted, and a deletion taken back; an admin
of the project can delete anybody's. Open pages hear of a change by the workflow's poke.
"""

from __future__ import annotations

import re
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.live import poke
from apps.projects.mentions import mention_write, mentions_of, mentions_withdraw
from apps.projects.models import COMMENT_MAX, Comment, Mention, Workflow
from apps.projects.sight import people_with
from apps.workspaces.models import Membership

THREADS_SHOWN = 200
COMMENTS_MAX = 5000
MENTIONS_MAX = 20


class CommentRefused(ValueError):
    """A comment that cannot be kept; the message says why."""


def comments_shown(workflow: Workflow) -> QuerySet[Comment]:
    """The comments that are not deleted, oldest first, with who wrote them."""
    rows: QuerySet[Comment] = Comment.objects.for_workspace(workflow.workspace_id).filter(workflow=workflow)
    return rows.filter(deleted_at=None).select_related("author", "resolved_by").order_by("created_at", "id")


def _body_clean(body: str) -> str:
    clean = body.replace("\x00", "").strip()
    if not clean:
        raise CommentRefused(_("Write something first."))
    if len(clean) > COMMENT_MAX:
        told = {"most": COMMENT_MAX, "over": len(clean) - COMMENT_MAX}
        raise CommentRefused(_("A comment has at most %(most)d characters; this one has %(over)d too many.") % told)
    return clean


def _tell(workflow_id: UUID) -> None:
    poke(f"workflow.{workflow_id}", comments="changed")


@transaction.atomic
def comment_add(
    *, workflow: Workflow, author_id: UUID, body: str, node: str = "", parent_id: UUID | None = None
) -> Comment:
    """A comment, or with ``parent_id`` an answer. Raises CommentRefused; Comment.DoesNotExist for a foreign parent."""
    clean = _body_clean(body)
    rows = Comment.objects.for_workspace(workflow.workspace_id).filter(workflow=workflow)
    if rows.count() >= COMMENTS_MAX:
        raise CommentRefused(_("This workflow has %(most)d comments and can keep no more.") % {"most": COMMENTS_MAX})
    parent = rows.get(id=parent_id, parent=None, deleted_at=None) if parent_id else None
    comment: Comment = rows.create(
        workspace_id=workflow.workspace_id,
        workflow=workflow,
        parent=parent,
        node="" if parent else node[:64],
        author_id=author_id,
        body=clean,
    )
    _mentions_keep(comment)
    _tell(workflow.id)
    return comment


@transaction.atomic
def comment_edit(*, comment: Comment, body: str) -> Comment:
    """Other words; who is named newly is told. Raises CommentRefused."""
    comment.body, comment.edited_at = _body_clean(body), timezone.now()
    comment.save(update_fields=["body", "edited_at"])
    _mentions_keep(comment)
    _tell(comment.workflow_id)
    return comment


@transaction.atomic
def comment_delete(*, comment: Comment) -> None:
    """Out of sight; :func:`comment_restore` takes it back. Answers to it go and come with it."""
    Comment.objects.for_workspace(comment.workspace_id).filter(id=comment.id).update(deleted_at=timezone.now())
    mentions_withdraw(comment.workspace_id, mentions_of(comment))
    _tell(comment.workflow_id)


@transaction.atomic
def comment_restore(*, comment: Comment) -> None:
    """Take a deletion back."""
    Comment.objects.for_workspace(comment.workspace_id).filter(id=comment.id).update(deleted_at=None)
    for mention in mentions_of(comment).filter(comment__deleted_at=None).select_related("user", "comment__workflow"):
        mention_write(mention)
    _tell(comment.workflow_id)


@transaction.atomic
def thread_resolve(*, comment: Comment, actor_id: UUID, resolved: bool) -> None:
    """Say that a thread is settled, or open again. CommentRefused for an answer: threads are resolved as a whole."""
    if comment.parent_id is not None:
        raise CommentRefused(_("Resolve the comment at the head of the thread."))
    at, by = (timezone.now(), actor_id) if resolved else (None, None)
    rows = Comment.objects.for_workspace(comment.workspace_id).filter(id=comment.id)
    rows.update(resolved_at=at, resolved_by_id=by)
    _tell(comment.workflow_id)


# --- Mentions ------------------------------------------------------------------------------------------------------


def people_named(body: str, workflow: Workflow) -> list[User]:
    """Whom a text names, by ``@Name`` or ``@address``: only people who see the project, so nobody else learns of it."""
    if "@" not in body:
        return []
    found: list[User] = []
    for membership in people_with(workflow.project).exclude(user__is_service=True).select_related("user"):
        names = filter(None, (membership.user.name, membership.user.email, membership.user.get_full_name()))
        pattern = "|".join(re.escape(name) for name in names)
        if re.search(rf"(?<![\w@])@(?:{pattern})(?!\w)", body, re.IGNORECASE):
            found.append(membership.user)
    return found[:MENTIONS_MAX]


def people_nameable(workflow: Workflow, *, besides: UUID, words: str = "") -> QuerySet[Membership]:
    """Whom a comment can name, by name: people who see the project and whose name has ``words`` in it."""
    people = people_with(workflow.project).exclude(user__is_service=True).exclude(user_id=besides)
    if words:
        # Who gave no name is called by the beginning of their address.
        called = Q(user__name__icontains=words) | Q(user__name="", user__email__istartswith=words)
        people = people.filter(called)
    return people.select_related("user").order_by("user__name", "user__email")


def _mentions_keep(comment: Comment) -> None:
    rows = Mention.objects.for_workspace(comment.workspace_id)
    for person in people_named(comment.body, comment.workflow):
        if person.id == comment.author_id:
            continue
        mention, made = rows.get_or_create(
            comment=comment, user=person, defaults={"workspace_id": comment.workspace_id}
        )
        if made:
            mention_write(mention)


def mentions_open(user_id: UUID) -> QuerySet[Mention]:
    """What names a person in the workspace in scope and is not seen yet, the newest first."""
    rows: QuerySet[Mention] = Mention.objects.filter(user_id=user_id, seen_at=None, comment__deleted_at=None)
    return rows.select_related("comment__author", "comment__workflow").order_by("-created_at")


def mentions_see(*, workflow: Workflow, user_id: UUID) -> None:
    """A person looked at the comments of a workflow."""
    rows = Mention.objects.for_workspace(workflow.workspace_id).filter(user_id=user_id, seen_at=None)
    rows = rows.filter(comment__workflow=workflow)
    mentions_withdraw(workflow.workspace_id, rows)
    rows.update(seen_at=timezone.now())
