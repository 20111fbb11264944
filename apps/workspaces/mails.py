"""Writing a mail: one row per event and address, in the caller's transaction. A worker sends it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from apps.workspaces.models import Mail
from apps.workspaces.tasks import mail_send

SUBJECT_MAX = 200


def mails_write(
    *, workspace_id: UUID, event: str, addresses: Collection[str], subject: str, body: str, about: UUID | None = None
) -> None:
    """Write to each address; nothing happens for those who were told of this event before."""
    subject = " ".join(subject.split())[:SUBJECT_MAX]
    rows = Mail.objects.for_workspace(workspace_id)
    for address in addresses:
        text = {"about": about, "subject": subject, "body": body}
        mail, made = rows.get_or_create(workspace_id=workspace_id, event=event, address=address, defaults=text)
        if made:
            mail_send.delay_on_commit(mail_id=str(mail.id))


def mails_withdraw(*, workspace_id: UUID, about: Collection[UUID]) -> None:
    """What was written about these rows and has not been sent is not to be sent."""
    Mail.objects.for_workspace(workspace_id).filter(about__in=about, due_at__isnull=False).delete()
