"""One mail to the mail server, and what its failure means: whether it may be sent again, and when."""

from __future__ import annotations

import smtplib
from datetime import timedelta

from django.core.mail import EmailMessage, get_connection

REFUSAL_MAX = 300
# What a caller may expect of :func:`mail_deliver`.
FAILURES = (OSError, smtplib.SMTPException)


class NothingSent(OSError):
    """The mail server was not reached."""


def mail_deliver(message: EmailMessage) -> None:
    """Hand it to the mail server. Raises one of FAILURES; :func:`mail_may_go_again` says what that means."""
    connection = get_connection()
    try:
        connection.open()
    except FAILURES as error:
        raise NothingSent(str(error)) from error
    try:
        connection.send_messages([message])
    finally:
        connection.close()


def mail_refusal(error: Exception) -> str:
    """What the server answered instead of taking the mail, its code first; "" when it answered nothing."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        code, said = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return ""
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return f"{code} {' '.join(words.replace(chr(0), ' ').split())}"[:REFUSAL_MAX]


def mail_may_go_again(error: Exception) -> bool:
    """Whether it was surely not sent and may be taken later.

    A lost answer may mean that it was sent, and a refusal for good (5xx) stays one.
    """
    return isinstance(error, NothingSent) or mail_refusal(error).startswith("4")


def mail_backoff(tries: int) -> timedelta:
    """Before the next try: 10 s, doubled each time, at most an hour."""
    return timedelta(seconds=min(3600, 10 * 2 ** min(tries, 12)))
