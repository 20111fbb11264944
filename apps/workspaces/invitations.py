"""The mail that invites: its link is the signed id, so nothing secret is stored or sent through the queue."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from apps.workspaces.models import Invitation

SALT = "workspaces.invitation"


def invitation_link(invitation: Invitation) -> str:
    """The absolute address to accept at."""
    token = signing.dumps(str(invitation.id), salt=SALT)
    return str(settings.PUBLIC_URL) + reverse("start:invitation", args=[token])


def invitation_send(invitation: Invitation, language: str) -> None:
    """Write the mail in ``language`` and send it."""
    context = {"invitation": invitation, "link": invitation_link(invitation)}
    with override(language):
        subject = " ".join(render_to_string("workspaces/mail/invitation_subject.txt", context).split())
        body = render_to_string("workspaces/mail/invitation_message.txt", context)
    send_mail(subject, body, None, [invitation.email])
