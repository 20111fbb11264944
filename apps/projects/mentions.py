"""The mail that tells somebody they were named in a comment."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from apps.common.tenancy import scope, unscoped
from apps.projects.models import Mention
from apps.projects.sight import project_role
from apps.workspaces.models import Membership


def mention_send(mention_id: UUID, language: str) -> bool:
    """Write to a person, unless they saw it, it was deleted, or they may no longer see the project."""
    with unscoped("the message names the mention alone"):
        rows = Mention.objects.select_related("user", "comment__author", "comment__workflow__project", "workspace")
        mention = rows.filter(id=mention_id, seen_at=None, comment__deleted_at=None).first()
    if mention is None:
        return False
    membership = Membership.objects.filter(workspace_id=mention.workspace_id, user_id=mention.user_id).first()
    workflow = mention.comment.workflow
    with scope(mention.workspace_id):
        if membership is None or project_role(membership, workflow.project) is None:
            return False
    page = reverse("projects:workflow_detail", args=[mention.workspace.slug, workflow.id])
    context = {"mention": mention, "workflow": workflow, "link": f"{settings.PUBLIC_URL}{page}#comments"}
    with override(language):
        subject = " ".join(render_to_string("projects/mail/mention_subject.txt", context).split())
        body = render_to_string("projects/mail/mention_message.txt", context)
    send_mail(subject, body, None, [mention.user.email])
    return True
