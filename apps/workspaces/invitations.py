"""The mail that invites: its link is the signed id, and lets in nobody but the address it was sent to."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse

from apps.workspaces.mails import mails_write
from apps.workspaces.models import Invitation

SALT = "workspaces.invitation"


def invitation_link(invitation: Invitation) -> str:
    """The absolute address to accept at."""
    token = signing.dumps(str(invitation.id), salt=SALT)
    return str(settings.PUBLIC_URL) + reverse("start:invitation", args=[token])


def invitation_write(invitation: Invitation) -> None:
    """Write the mail in the reader's language, the inviter's as far as anyone knows. Anew for each time it is sent."""
    context = {"invitation": invitation, "link": invitation_link(invitation)}
    mails_write(
        workspace_id=invitation.workspace_id,
        event=f"invitation {invitation.id} {invitation.expires_at.isoformat()}",
        addresses=[invitation.email],
        subject=render_to_string("workspaces/mail/invitation_subject.txt", context),
        body=render_to_string("workspaces/mail/invitation_message.txt", context),
        about=invitation.id,
    )
