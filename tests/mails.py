"""The worker that sends mails, called in place."""

from __future__ import annotations

from apps.workspaces.posting import mail_post, mails_due


def mails_post() -> None:
    """Send what is due."""
    for mail_id in mails_due():
        mail_post(mail_id)
