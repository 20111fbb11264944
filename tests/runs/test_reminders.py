"""Sending an approval's letters once more: by the page and the API, only while it waits, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.runs import letters, reminders, services
from apps.runs.models import Letter, Run
from apps.workspaces.models import Workspace
from tests.runs.asking import Started, pages, post_letters
from tests.runs.calls import post


@pytest.fixture
def asked(started: Started, alice: User) -> Run:
    """An approval whose two letters are out."""
    run = started(approvers=["ann@example.com", "ben@example.com"])
    post_letters()
    return run


@pytest.fixture
def later(workspace: Workspace) -> Callable[[], None]:
    """``later()``: five minutes have passed."""

    def pass_by() -> None:
        with scope(workspace.id):
            for letter in Letter.objects.all():
                moved = {
                    name: moment - reminders.PAUSE
                    for name in ("created_at", "again_at")
                    if (moment := getattr(letter, name))
                }
                Letter.objects.filter(id=letter.id).update(**moved)

    return pass_by


def path(run: Run) -> str:
    return f"/runs/{run.id}/steps/ask/0/remind"


def test_letters_are_sent_once_more_on_request(
    alice_api: Client, asked: Run, later: Callable[[], None], mailoutbox: list[Any]
) -> None:
    assert len(mailoutbox) == 2
    later()
    assert post(alice_api, path(asked)) == (202, {"letters": 2})
    post_letters()
    post_letters()
    assert sorted(message.to[0] for message in mailoutbox[2:]) == ["ann@example.com", "ben@example.com"]


def test_not_twice_within_five_minutes(alice_api: Client, asked: Run, later: Callable[[], None]) -> None:
    for answer in (429, 202, 429):
        status, problem = post(alice_api, path(asked))
        assert status == answer
        if answer == 429:
            assert problem["type"] == "/problems/too-many-letters"
            assert problem["detail"] == "These letters were sent a moment ago. Send them again in 5 min."
            later()


def test_the_refusal_tells_when_to_come_back(alice_api: Client, asked: Run) -> None:
    answer = alice_api.post(f"/api/v1{path(asked)}", {}, content_type="application/json")
    assert 290 <= int(answer["Retry-After"]) <= 301
    assert answer["RateLimit-Policy"] == '"letters";q=1;w=300'
    assert answer["RateLimit"] == f'"letters";r=0;t={answer["Retry-After"]}'


def test_five_times_and_no_more(alice_api: Client, asked: Run, later: Callable[[], None]) -> None:
    for _ in range(5):
        later()
        assert post(alice_api, path(asked))[0] == 202
    later()
    status, problem = post(alice_api, path(asked))
    assert (status, problem["detail"]) == (429, "These letters were sent often enough. Tell the people another way.")


def test_a_workspace_has_its_hour(
    alice_api: Client, asked: Run, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later()
    monkeypatch.setattr(reminders, "LETTERS_PER_HOUR", 3)
    status, problem = post(alice_api, path(asked))
    assert (status, problem["type"]) == (429, "/problems/too-many-letters")
    assert "in the last hour" in problem["detail"]


def test_letters_that_were_never_written_are_written(
    alice_api: Client, started: Started, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(approvers=["ann@example.com"])
    with monkeypatch.context() as full:
        full.setattr(letters, "LETTERS_PER_HOUR", 0)
        post_letters()
    assert mailoutbox == []
    assert post(alice_api, path(run)) == (202, {"letters": 1})
    post_letters()
    assert len(mailoutbox) == 1


def test_only_while_it_waits(
    alice_api: Client, alice: User, asked: Run, workspace: Workspace, later: Callable[[], None], mailoutbox: list[Any]
) -> None:
    later()
    with scope(workspace.id):
        services.run_cancel(run=asked)
    status, problem = post(alice_api, path(asked))
    assert (status, problem["type"]) == (409, "/problems/no-longer-waiting")
    post_letters()
    assert len(mailoutbox) == 2


def test_decided_is_decided(alice_api: Client, started: Started, later: Callable[[], None]) -> None:
    run = started()
    post_letters()
    later()
    assert post(alice_api, f"/runs/{run.id}/steps/ask/0/answer", {"decision": "approve"})[0] == 200
    assert post(alice_api, path(run))[1]["type"] == "/problems/no-longer-waiting"


def test_what_asks_for_nothing(alice_api: Client, asked: Run) -> None:
    assert post(alice_api, f"/runs/{asked.id}/steps/none/0/remind")[0] == 404
    assert post(alice_api, f"/runs/{asked.id}/steps/ask/7/remind")[0] == 404
    assert post(alice_api, f"/runs/{uuid4()}/steps/ask/0/remind")[0] == 404
    assert post(alice_api, f"/runs/{asked.id}/steps/t/0/remind")[0] in (404, 409)
    assert post(alice_api, path(asked), {"to": "eve@example.com"})[0] == 422


def test_the_page_has_a_button_for_editors(
    asked: Run,
    workspace: Workspace,
    bob_client: Client,
    victor_client: Client,
    charlie_client: Client,
    later: Callable[[], None],
    mailoutbox: list[Any],
) -> None:
    page, remind = pages(workspace, asked)[0], f"{pages(workspace, asked)[0]}remind/"
    assert "Send again" in bob_client.get(page).content.decode()
    assert "Send again" not in victor_client.get(page).content.decode()
    assert victor_client.post(remind).status_code == 403
    assert charlie_client.post(remind).status_code == 404
    assert bob_client.get(remind).status_code == 405
    early = bob_client.post(remind, follow=True).content.decode()
    assert "Send them again in 5 min." in early
    later()
    assert "2 letters are on their way." in bob_client.post(remind, follow=True).content.decode()
    post_letters()
    assert len(mailoutbox) == 4
    with scope(workspace.id):
        assert not Letter.objects.filter(again_at__lt=timezone.now() - timedelta(minutes=1)).exists()
        services.run_cancel(run=asked)
    assert "Send again" not in bob_client.get(page).content.decode()
    assert "waits for nobody any more" in bob_client.post(remind, follow=True).content.decode()
