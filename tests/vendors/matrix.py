"""One scenario of a vendor from the request to its end, and what must then be true of the money and the submissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps.billing.services import balance_get, credits_grant
from apps.generations.adapters import webhook_url
from apps.generations.execution import telling
from apps.generations.execution.inline import inline_store
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_cancel
from apps.providers.base import Job
from apps.workspaces.models import Workspace
from tests.vendors.life import account, begin, live
from tests.vendors.server import ContractServer

STATE = GenerationState
GRANTED = 1_000_000_000
Act = Callable[[Generation, ContractServer], None]


def nothing(row: Generation, server: ContractServer) -> None:
    """Let it go its way."""


@dataclass(frozen=True)
class Case:
    """``turns``: what happens before a turn, by its number. ``telling``: at the first words that a model writes.
    ``answered``: when the answer to the POST is here and nothing is written down yet.

    ``submitted``: how many POSTs the vendor saw (``waited``: as many as it is asked while it is busy); ``accepted``:
    how many it took, which is never more than one.
    """

    model: str
    script: str = ""
    state: GenerationState = STATE.SUCCEEDED
    code: str = ""
    cost: int = 0
    accepted: int = 1
    submitted: int = 1
    waited: bool = False
    turns: Mapping[int, Act] = field(default_factory=dict)
    telling: Act | None = None
    answered: Act | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


def play(case: Case, server: ContractServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Generation:
    """Let the call live to its end, and check what is true of every scenario."""
    credits_grant(workspace_id=workspace.id, amount=GRANTED, reason="Test", source="test", source_id=str(workspace.id))
    server.script = case.script
    with account(server, **case.told):
        row = begin(workspace, case.model, {"prompt": "a lighthouse at dusk", **case.params}, case.inputs)
        if case.telling is not None:
            _at_first_words(row, server, case.telling, monkeypatch)
        if case.answered is not None:
            _at_the_answer(row, server, case.answered, monkeypatch)
        row = live(row, monkeypatch, between=lambda row, turn: case.turns.get(turn, nothing)(row, server))
    balance = balance_get(workspace_id=workspace.id)
    assert (row.state, row.error_code) == (case.state, case.code), row.error_detail
    assert (row.cost or 0, GRANTED - balance.posted, balance.held) == (case.cost, case.cost, 0)
    assert len(server.accepted) == case.accepted
    # How often a busy vendor is asked within half an hour is a matter of chance, a little.
    assert 12 <= len(server.submitted) <= 25 if case.waited else len(server.submitted) == case.submitted
    assert case.accepted <= 1
    assert "test-key" not in row.error + row.error_detail
    return row


def lost(model: str, script: str = "cut", **more: Any) -> Case:
    """Sent, and no answer that says what became of it: it ends by itself, and nothing is charged."""
    return Case(model, script, STATE.EXPIRED, "expired_unknown", **more)


def refused(model: str, script: str, code: str, *, accepted: int = 0, tries: int = 1, **more: Any) -> Case:
    """The vendor does not do it, however often it is asked."""
    return Case(model, script, STATE.FAILED, code, accepted=accepted, submitted=tries, **more)


def busy(model: str, script: str) -> Case:
    """The vendor takes nothing, for as long as it is waited for."""
    return Case(model, script, STATE.FAILED, "rate_limited", accepted=0, waited=True)


def well_later(model: str, script: str, cost: int) -> Case:
    """Not now, said the vendor; a second try is taken."""
    return Case(model, script, cost=cost, submitted=2, turns={1: calm})


def cancelled_before(model: str) -> Case:
    """Nothing was sent yet."""
    return Case(model, "", STATE.CANCELLED, "cancelled", accepted=0, submitted=0, turns={0: cancel})


def _at_first_words(row: Generation, server: ContractServer, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something while the model writes, as a person or the vendor would from elsewhere."""
    monkeypatch.setattr(telling, "EVERY_S", 0)
    tell = telling.Teller.tell
    acted: list[str] = []

    def told(teller: telling.Teller, text: str) -> bool:
        if not acted:
            acted.append(text)
            act(row, server)
        return tell(teller, text)

    monkeypatch.setattr(telling.Teller, "tell", told)


def _at_the_answer(row: Generation, server: ContractServer, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    def stored(generation: Generation, job: Job) -> Job:
        act(row, server)
        return inline_store(generation, job)

    monkeypatch.setattr("apps.generations.execution.submission.inline_store", stored)


def cancel(row: Generation, server: ContractServer) -> None:
    """A person cancels."""
    generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)


def calm(row: Generation, server: ContractServer) -> None:
    """The vendor is well again."""
    server.script = ""


def call_back(row: Generation, headers: Mapping[str, str], body: bytes) -> int:
    """The status that a webhook to this call's own address gets."""
    path = urlsplit(webhook_url(row.provider, row.id)).path
    answer = Client().post(path, body, content_type="application/json", headers=dict(headers))
    return answer.status_code
