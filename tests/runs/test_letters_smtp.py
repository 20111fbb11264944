"""Letters through a real mail server: what it takes, what it takes later, and what it never takes."""

from __future__ import annotations

import email
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import Message
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.runs.models import Letter
from apps.workspaces.models import Workspace
from tests.runs.asking import Started, link_in, pages, post_letters


class Postbox:
    """What a mail server does with what arrives. ``answers`` are given, in turn, instead of taking a mail."""

    def __init__(self) -> None:
        self.rcpt_answers: list[str] = []
        self.data_answers: list[str] = []
        self.taken: list[tuple[list[str], Message]] = []
        self.tries = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.tries += 1
        if self.rcpt_answers:
            return self.rcpt_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data_answers:
            return self.data_answers.pop(0)
        self.taken.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    """A mail server in a thread of its own, and the site's settings for it."""
    box = Postbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = False, "", ""
    try:
        yield box
    finally:
        server.stop()


@pytest.fixture
def letter(workspace: Workspace) -> Callable[[], Letter]:
    def look() -> Letter:
        with scope(workspace.id):
            found: Letter = Letter.objects.get()
            return found

    return look


def come_due(letter: Letter) -> None:
    with scope(letter.workspace_id):
        Letter.objects.update(due_at=timezone.now())


def test_a_letter_arrives_once(
    started: Started, alice: User, postbox: Postbox, letter: Callable[[], Letter], client: Client
) -> None:
    started(message="Print it?", approvers=["ann@example.com"])
    for _ in range(3):
        post_letters()
    [(addresses, message)] = postbox.taken
    assert (addresses, message["To"], message["Auto-Submitted"]) == (
        ["ann@example.com"],
        "ann@example.com",
        "auto-generated",
    )
    assert "approval requested in Mill" in message["Subject"]
    body: Any = message
    text = body.get_body(("plain",)).get_content()
    assert "Print it?" in text
    assert "Review and decide" in body.get_body(("html",)).get_content()
    text_message = type("Plain", (), {"body": text})
    assert client.get(link_in(text_message)).status_code == 200
    assert letter().sent_at and not letter().error


@pytest.mark.parametrize("place", ["rcpt_answers", "data_answers"])
def test_a_temporary_refusal_is_tried_again(
    workspace: Workspace,
    started: Started,
    postbox: Postbox,
    letter: Callable[[], Letter],
    bob_client: Client,
    place: str,
) -> None:
    run = started(approvers=["ann@example.com"])
    setattr(postbox, place, ["451 Too busy, come back"])
    post_letters()
    kept = letter()
    assert postbox.taken == [] and not kept.sent_at
    assert kept.due_at and kept.due_at > timezone.now()
    assert kept.error == "451 Too busy, come back"
    assert "delayed, trying again" in bob_client.get(pages(workspace, run)[0]).content.decode()
    come_due(kept)
    post_letters()
    assert len(postbox.taken) == 1
    assert letter().sent_at and letter().due_at is None and not letter().error


@pytest.mark.parametrize("place", ["rcpt_answers", "data_answers"])
def test_a_refusal_for_good_is_said_on_the_page(
    workspace: Workspace,
    started: Started,
    postbox: Postbox,
    letter: Callable[[], Letter],
    bob_client: Client,
    place: str,
) -> None:
    run = started(approvers=["ann@example.com"])
    setattr(postbox, place, ["550 No <such> person here"])
    for _ in range(3):
        post_letters()
    assert (postbox.taken, postbox.tries) == ([], 1)
    assert letter().due_at is None
    page = bob_client.get(pages(workspace, run)[0]).content.decode()
    assert "refused by the mail server: 550 No &lt;such&gt; person here" in page


def test_a_server_that_gives_up_is_not_asked_for_ever(
    started: Started, alice: User, postbox: Postbox, letter: Callable[[], Letter]
) -> None:
    started(approvers=["ann@example.com"])
    postbox.rcpt_answers = ["450 Later"] * 20
    for _ in range(12):
        post_letters()
        if letter().due_at is not None:
            come_due(letter())
    assert (postbox.tries, letter().due_at, postbox.taken) == (8, None, [])


def test_whoever_mends_an_address_may_send_again(
    workspace: Workspace, started: Started, postbox: Postbox, letter: Callable[[], Letter], bob_client: Client
) -> None:
    run = started(approvers=["ann@example.com"])
    postbox.rcpt_answers = ["550 No such person here"]
    post_letters()
    with scope(workspace.id):
        Letter.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    bob_client.post(f"{pages(workspace, run)[0]}remind/")
    post_letters()
    assert len(postbox.taken) == 1
    assert "refused by" not in bob_client.get(pages(workspace, run)[0]).content.decode()
