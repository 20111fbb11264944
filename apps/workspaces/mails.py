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
    text = {"about": about, "subject": " ".join(subject.split())[:SUBJECT_MAX], "body": body}
    rows = Mail.objects.for_workspace(workspace_id)
    mails = [Mail(workspace_id=workspace_id, event=event, address=address, **text) for address in addresses]
    rows.bulk_create(mails, ignore_conflicts=True)
    # Those that stood there already are not among them.
    for mail_id in rows.filter(id__in=[mail.id for mail in mails]).values_list("id", flat=True):
        mail_send.delay_on_commit(mail_id=str(mail_id))


def mails_withdraw(*, workspace_id: UUID, about: Collection[UUID]) -> None:
    """What was written about these rows and has not been sent is not to be sent."""
    Mail.objects.for_workspace(workspace_id).filter(about__in=about, due_at__isnull=False).delete()
