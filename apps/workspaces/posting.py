"""The mails that were written, on their way: found when due, claimed, sent at most once, and tried again later."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from django.core.mail import EmailMessage
from django.utils import timezone

from apps.common.mail import FAILURES, mail_backoff, mail_deliver, mail_may_go_again, mail_refusal
from apps.common.tenancy import unscoped
from apps.workspaces.models import Mail

log = structlog.get_logger(__name__)
BATCH = 100
# Hourly towards the end: a mail server that is away for a day loses nothing.
MAX_TRIES = 32
# A mail whose message was lost is handed out again after this long.
HANDED = timedelta(seconds=60)
KEPT = timedelta(days=30)


def mails_due() -> list[UUID]:
    """Mails to be sent, or whose message was lost; the next look at each is a minute away."""
    now = timezone.now()
    with unscoped("a sweep over all workspaces"):
        found = list(Mail.objects.filter(due_at__lte=now).order_by("due_at").values_list("id", flat=True)[:BATCH])
        # Another sweep may hand out the same: whoever sends claims first.
        Mail.objects.filter(id__in=found, due_at__lte=now).update(due_at=now + HANDED)
    return found


def mail_post(mail_id: UUID) -> None:
    """Send one mail, unless somebody has claimed it."""
    with unscoped("the message names the mail alone"):
        rows = Mail.objects.filter(id=mail_id, due_at__isnull=False, sent_at=None)
        mail = rows.first()
        if mail is None or not rows.filter(tries=mail.tries).update(due_at=None, tries=mail.tries + 1):
            return
        mine = Mail.objects.filter(id=mail_id)
        message = EmailMessage(
            mail.subject, mail.body, None, [mail.address], headers={"Auto-Submitted": "auto-generated"}
        )
        try:
            mail_deliver(message)
        except FAILURES as error:
            again = mail_may_go_again(error) and mail.tries + 1 < MAX_TRIES
            due = timezone.now() + mail_backoff(mail.tries) if again else None
            mine.update(due_at=due, error=mail_refusal(error) or type(error).__name__)
            log.warning("mail not sent", action="mail_post", mail=str(mail_id), error=type(error).__name__)
        else:
            mine.update(sent_at=timezone.now(), error="", body="")


def mails_forget() -> None:
    """Drop what is on no way any more and is old."""
    with unscoped("housekeeping"):
        Mail.objects.filter(due_at=None, created_at__lt=timezone.now() - KEPT).delete()
