"""Mails that ask for an approval: to whom, once, and what their links do."""

from __future__ import annotations

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.runs import letters, tasks
from apps.runs.driver import advance
from apps.runs.models import Letter
from apps.workspaces.models import Workspace
from tests.runs.asking import Started, given, link_in, pages, post_letters, ring, step


def test_each_approver_is_written_to_once(
    workspace: Workspace, alice: User, ada: User, bob: User, victor: User, started: Started, mailoutbox: list[Any]
) -> None:
    started(message="Print it?", approvers=["ann@example.com", "admin", "ADA@example.org"])
    for _ in range(3):
        post_letters()
    assert sorted(message.to[0] for message in mailoutbox) == [
        "ada@example.org",
        "alice@example.org",
        "ann@example.com",
    ]
    assert all(len(message.to) == 1 for message in mailoutbox), "nobody sees who else was asked"
    first = mailoutbox[0]
    assert "approval requested in Mill" in first.subject
    assert "Print it?" in first.body and "sea" in first.body
    html = first.alternatives[0]
    assert html[1] == "text/html" and "Review and decide" in html[0]
    with scope(workspace.id):
        assert set(Letter.objects.values_list("address", "named")) == {
            ("ann@example.com", True), ("ada@example.org", True), ("alice@example.org", False)
        }  # fmt: skip
        assert not Letter.objects.filter(sent_at=None).exists()


def test_nobody_named_means_every_editor(
    alice: User, bob: User, victor: User, started: Started, mailoutbox: list[Any]
) -> None:
    run = started()
    post_letters()
    assert sorted(message.to[0] for message in mailoutbox) == ["alice@example.org", "bob@example.org"]
    assert all(link_in(message).startswith(f"/w/mill/approvals/{run.id}/") for message in mailoutbox)


def test_a_repeated_message_sends_nothing(workspace: Workspace, started: Started, mailoutbox: list[Any]) -> None:
    started(approvers=["ann@example.com"])
    letters.approvals_ask()
    [letter_id] = letters.letters_due()
    for _ in range(3):
        tasks.send_letter(letter_id=str(letter_id))
    assert len(mailoutbox) == 1
    assert letters.letters_due() == []


def test_what_was_decided_before_is_not_asked(
    bob_client: Client, workspace: Workspace, started: Started, mailoutbox: list[Any], see: Any
) -> None:
    run = started(approvers=["ann@example.com", "editor"])
    see(letters.approvals_ask)
    bob_client.post(pages(workspace, run)[1], {"decision": "approve"})
    post_letters()
    assert mailoutbox == []


class Unreachable(EmailBackend):
    def open(self) -> bool:
        raise ConnectionRefusedError


class Lost(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise smtplib.SMTPServerDisconnected("no answer")


def test_an_unreachable_server_is_tried_again(
    workspace: Workspace, started: Started, settings: Any, mailoutbox: list[Any]
) -> None:
    started(approvers=["ann@example.com"])
    good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Unreachable"
    post_letters()
    with scope(workspace.id):
        letter = Letter.objects.get()
        assert letter.due_at and letter.due_at > timezone.now() + timedelta(seconds=5)
        assert letter.error == "NothingSent"
        Letter.objects.update(due_at=timezone.now())
    settings.EMAIL_BACKEND = good
    post_letters()
    assert len(mailoutbox) == 1


def test_a_lost_answer_is_not_sent_again(
    workspace: Workspace, started: Started, settings: Any, mailoutbox: list[Any], bob_client: Client
) -> None:
    run = started(approvers=["ann@example.com"])
    settings.EMAIL_BACKEND = f"{__name__}.Lost"
    for _ in range(3):
        post_letters()
    assert len(mailoutbox) == 1
    assert "may not have arrived" in bob_client.get(pages(workspace, run)[0]).content.decode()


def test_a_graph_is_no_mailing_machine(
    workspace: Workspace, started: Started, settings: Any, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "LETTERS_PER_HOUR", 3)
    for n in range(5):
        started(approvers=[f"a{n}@example.com"])
    post_letters()
    assert len(mailoutbox) == 3


def test_the_link_shows_and_a_post_decides(
    workspace: Workspace, started: Started, mailoutbox: list[Any], see: Any
) -> None:
    run = started(message="Print it?", approvers=["ann@example.com"])
    post_letters()
    link = link_in(mailoutbox[0])
    anybody = Client()
    for _ in range(2):
        page = anybody.get(link)
        assert page.status_code == 200
    assert see(step, run).state == "waiting", "programs that check mail follow links"
    text = page.content.decode()
    assert "Print it?" in text and "sea" in text and 'value="approve"' in text
    assert page["Referrer-Policy"] == "same-origin" and page["X-Robots-Tag"] == "noindex"
    assert "no-store" in page["Cache-Control"]
    assert Client(enforce_csrf_checks=True).post(link, {"decision": "approve"}).status_code == 403
    done = anybody.post(link, {"decision": "reject", "comment": "Too blue"})
    assert done.status_code == 200 and "by ann@example.com from an email link" in done.content.decode()
    made = see(given, run)["decision"]
    assert made["who"] == {"id": None, "name": "ann@example.com", "email": "ann@example.com"}
    assert (made["decision"], made["how"], made["comment"]) == ("reject", "mail", "Too blue")
    late = anybody.post(link, {"decision": "approve"})
    assert late.status_code == 409 and "ann@example.com answered first" in late.content.decode()
    assert see(given, run)["decision"] == made


def test_the_link_of_one_decides_no_other(workspace: Workspace, started: Started, mailoutbox: list[Any]) -> None:
    started(approvers=["ann@example.com"])
    post_letters()
    link = link_in(mailoutbox[0])
    wrong = [link[:-3] + "/", "/approvals/nonsense/", link.replace("/approvals/", "/invitations/")]
    assert [Client().get(one).status_code for one in wrong] == [404, 404, 404]


def test_an_old_link_leads_nowhere(
    workspace: Workspace, started: Started, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    started(approvers=["ann@example.com"])
    post_letters()
    later = time.time() + 32 * 86_400
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    answer = Client().get(link_in(mailoutbox[0]))
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


def test_a_link_says_when_it_is_over(workspace: Workspace, started: Started, mailoutbox: list[Any], see: Any) -> None:
    run = started(approvers=["ann@example.com"])
    post_letters()
    see(ring, run)
    link = link_in(mailoutbox[0])
    text = Client().get(link).content.decode()
    assert "Nobody answered in time" in text and 'value="approve"' not in text
    assert Client().post(link, {"decision": "approve"}).status_code == 409
    see(advance, run.id)
    assert see(given, run)["decision"]["decision"] == "timeout"


def test_bad_answers_to_a_link(workspace: Workspace, started: Started, mailoutbox: list[Any], see: Any) -> None:
    run = started(approvers=["ann@example.com"])
    post_letters()
    for form in ({}, {"decision": "perhaps"}, {"decision": "approve", "comment": "x" * 2001}):
        assert Client().post(link_in(mailoutbox[0]), form).status_code == 422
    assert see(step, run).state == "waiting"
