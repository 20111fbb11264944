"""Letters about money, to those who may change it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from apps.workspaces.models import Membership, Role, Workspace


def letter_send(workspace_id: UUID, name: str, told: dict[str, Any]) -> int:
    """Send ``billing/mail/<name>`` to the workspace's owners and admins, one letter each; answers how many."""
    workspace = Workspace.objects.get(id=workspace_id)
    people = Membership.objects.filter(workspace=workspace, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    link = str(settings.PUBLIC_URL) + reverse("billing:payments", args=[workspace.slug])
    context = {"workspace": workspace, "link": link, **told}
    subject = " ".join(render_to_string(f"billing/mail/{name}_subject.txt", context).split())
    body = render_to_string(f"billing/mail/{name}_message.txt", context)
    addresses = list(people.values_list("user__email", flat=True))
    for address in addresses:
        send_mail(subject, body, None, [address])
    return len(addresses)
