"""Mails about money and the team: written with what they tell of, tried again without a mail server, sent once."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.workspaces import inviting
from apps.workspaces.mails import mails_write
from apps.workspaces.models import Mail, Membership, Role, Workspace
from apps.workspaces.posting import MAX_TRIES, mail_post
from tests.mails import mails_post

pytestmark = pytest.mark.django_db


class Away(EmailBackend):
    """A mail server that does not answer."""

    def open(self) -> bool:
        raise ConnectionRefusedError("no answer")


class Busy(EmailBackend):
    """A mail server that wants to be asked later."""

    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({"a@example.org": (451, b"try again later")})


class Refusing(EmailBackend):
    """A mail server that takes nothing for this address."""

    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({"a@example.org": (550, b"no such mailbox")})


class Lost(EmailBackend):
    """A mail server whose answer is lost: it may have sent it."""

    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise smtplib.SMTPServerDisconnected("gone")


@pytest.fixture
def write(workspace: Workspace) -> Callable[..., None]:
    """Write about one event."""

    def make(event: str = "topup_failed 1", *addresses: str) -> None:
        told: dict[str, Any] = {"subject": "A card\nwas refused", "body": "It was."}
        mails_write(workspace_id=workspace.id, event=event, addresses=addresses or ("a@example.org",), **told)

    return make


def later(workspace: Workspace) -> None:
    Mail.objects.for_workspace(workspace.id).exclude(due_at=None).update(due_at=timezone.now())
    mails_post()


def the_mail(workspace: Workspace) -> Mail:
    found: Mail = Mail.objects.for_workspace(workspace.id).get()
    return found


@pytest.mark.parametrize("server", [Away, Busy])
def test_what_was_surely_not_sent_is_tried_again_and_sent_once(
    write: Callable[..., None], workspace: Workspace, settings: Any, server: type
) -> None:
    good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.{server.__name__}"
    write()
    mails_post()
    first = the_mail(workspace)
    assert (first.tries, first.sent_at, mail.outbox) == (1, None, [])
    assert first.due_at and first.due_at > timezone.now() + timedelta(seconds=5)
    later(workspace)
    settings.EMAIL_BACKEND = good
    later(workspace)
    write()
    later(workspace)
    assert [(one.subject, one.to) for one in mail.outbox] == [("A card was refused", ["a@example.org"])]
    assert (the_mail(workspace).body, the_mail(workspace).tries) == ("", 3)


@pytest.mark.parametrize("server", [Refusing, Lost])
def test_what_was_refused_for_good_or_may_have_gone_out_is_left_alone(
    write: Callable[..., None], workspace: Workspace, settings: Any, server: type
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{server.__name__}"
    write()
    mails_post()
    sent = len(mail.outbox)
    later(workspace)
    assert (the_mail(workspace).due_at, len(mail.outbox)) == (None, sent)


def test_an_event_and_an_address_make_one_mail(write: Callable[..., None], workspace: Workspace) -> None:
    write("one", "a@example.org")
    write("one", "a@example.org", "b@example.org")
    write("two", "a@example.org")
    for mail_id in [*Mail.objects.for_workspace(workspace.id).values_list("id", flat=True)] * 2:
        mail_post(mail_id)
    assert sorted(one.to[0] for one in mail.outbox) == ["a@example.org", "a@example.org", "b@example.org"]


def test_a_mail_server_that_stays_away_is_given_up(
    write: Callable[..., None], workspace: Workspace, settings: Any
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    write()
    Mail.objects.for_workspace(workspace.id).update(tries=MAX_TRIES - 1)
    mails_post()
    assert (the_mail(workspace).due_at, the_mail(workspace).error) == (None, "NothingSent")


def test_what_did_not_happen_is_not_told(write: Callable[..., None], workspace: Workspace) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    mails_post()
    assert mail.outbox == []


def test_an_invitation_waits_for_the_mail_server_and_goes_when_taken_back(
    alice: User, workspace: Workspace, settings: Any
) -> None:
    actor = Membership.objects.get(user=alice, workspace=workspace)
    good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Away"
    kept, taken = [
        inviting.member_invite(actor=actor, email=f"{name}@example.org", role=Role.EDITOR) for name in ("ann", "ben")
    ]
    mails_post()
    inviting.invitation_revoke(workspace_id=workspace.id, invitation_id=taken.id)
    inviting.invitation_resend(actor=actor, invitation=kept)
    settings.EMAIL_BACKEND = good
    later(workspace)
    assert [one.to for one in mail.outbox] == [["ann@example.org"]], "one, of the last time that it was sent"
