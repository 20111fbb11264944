"""Letters about money, to those who may change it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from apps.workspaces.mails import mails_write
from apps.workspaces.models import Membership, Role, Workspace


def letter_write(*, workspace_id: UUID, event: str, name: str, told: dict[str, Any]) -> None:
    """Write ``billing/mail/<name>`` to the workspace's owners and admins, one mail each and once for ``event``."""
    workspace = Workspace.objects.get(id=workspace_id)
    people = Membership.objects.filter(workspace=workspace, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    link = str(settings.PUBLIC_URL) + reverse("billing:payments", args=[workspace.slug])
    context = {"workspace": workspace, "link": link, **told}
    mails_write(
        workspace_id=workspace_id,
        event=event,
        addresses=list(people.values_list("user__email", flat=True)),
        subject=render_to_string(f"billing/mail/{name}_subject.txt", context),
        body=render_to_string(f"billing/mail/{name}_message.txt", context),
    )
