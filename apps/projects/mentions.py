"""The mail to whom a comment names: written together with it, and taken back while it can be."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, override

from apps.projects.models import Comment, Mention, Project, Workflow
from apps.projects.sight import people_with
from apps.workspaces.mails import mails_withdraw, mails_write


def mention_write(mention: Mention) -> None:
    """Write to the person, once: in their language, and in the writer's where nobody knows theirs."""
    workflow: Workflow = mention.comment.workflow
    page = reverse("projects:workflow_detail", args=[workflow.workspace.slug, workflow.id])
    context = {"mention": mention, "workflow": workflow, "link": f"{settings.PUBLIC_URL}{page}#comments"}
    with override(mention.user.language or get_language()):
        mails_write(
            workspace_id=mention.workspace_id,
            event=f"mention {mention.id}",
            addresses=[mention.user.email],
            subject=render_to_string("projects/mail/mention_subject.txt", context),
            body=render_to_string("projects/mail/mention_message.txt", context),
            about=mention.id,
        )


def mentions_of(comment: Comment) -> QuerySet[Mention]:
    """Whom a comment and its answers name and who has not seen it yet: they go and come together."""
    rows: QuerySet[Mention] = Mention.objects.for_workspace(comment.workspace_id)
    return rows.filter(Q(comment=comment) | Q(comment__parent=comment), seen_at=None)


def mentions_hide(project: Project) -> None:
    """Who may no longer see a project is not written to about it."""
    rows = Mention.objects.for_workspace(project.workspace_id).filter(comment__workflow__project=project, seen_at=None)
    mentions_withdraw(project.workspace_id, rows.exclude(user__in=people_with(project).values("user")))


def mentions_withdraw(workspace_id: UUID, mentions: QuerySet[Mention]) -> None:
    """The mails about these that have not gone are not to go."""
    if found := list(mentions.values_list("id", flat=True)):
        mails_withdraw(workspace_id=workspace_id, about=found)
