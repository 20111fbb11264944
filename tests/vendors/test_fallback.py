"""Two vendors: who is asked when the first is busy or out of reach, what is said of it, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from apps.billing.services import balance_get, credits_grant
from apps.generations.execution import telling
from apps.generations.models import Generation
from apps.generations.route import route_said
from apps.generations.services import InvalidGeneration
from apps.generations.signals import generation_progressed
from apps.workspaces.models import Workspace
from tests.vendors.life import begin, live
from tests.vendors.writing import WritingServer, two_writers

pytestmark = pytest.mark.django_db
TEXT = "The sea at dusk."
PARAMS = {"prompt": "the sea", "tone": "warm", "length": 20}


@pytest.fixture
def vendors(workspace: Workspace) -> Iterator[tuple[WritingServer, WritingServer]]:
    """Two vendors, and credits."""
    credits_grant(workspace_id=workspace.id, amount=100_000_000, reason="t", source="t", source_id=str(workspace.id))
    with two_writers() as both:
        yield both


def _done(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Generation:
    return live(begin(workspace, "alpha/writer", PARAMS, fallbacks=["beta/writer"], **more), monkeypatch)


def _money(workspace: Workspace) -> tuple[int, int]:
    balance = balance_get(workspace_id=workspace.id)
    return 100_000_000 - balance.posted, balance.held


def test_the_first_answers_and_nobody_else_is_asked(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = vendors
    row = begin(workspace, "alpha/writer", PARAMS, fallbacks=["beta/writer"])
    assert (row.price_low, row.price_high) == (10_000, 3_000_000), "up to the dearest is held"
    row = live(row, monkeypatch)
    assert (row.state, row.text, row.model, row.route) == ("succeeded", TEXT, "alpha/writer", [])
    assert (len(alpha.submitted), len(beta.submitted)) == (1, 0)
    assert _money(workspace) == (160_000, 0)


def test_busy_is_followed_by_the_next(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = vendors
    alpha.script = "429"
    row = _done(workspace, monkeypatch)
    assert (row.state, row.text, row.model, row.provider) == ("succeeded", TEXT, "beta/writer", "beta")
    assert (len(alpha.submitted), len(beta.submitted)) == (1, 1)
    assert beta.submitted[0].json()["params"] == {"length": 20}, "what fits goes along"
    assert route_said(row) == [
        "Busy: Alpha writer answered 429. Asked Beta writer instead. Not used by Beta writer: Tone."
    ]
    assert _money(workspace) == (480_000, 0), "at the price of who answered"


@pytest.mark.parametrize("fault", ["503", "gone"])
def test_out_of_reach_is_followed_by_the_next(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    alpha, beta = vendors
    alpha.script = fault
    if fault == "gone":
        alpha._server.shutdown()
        alpha._server.server_close()
    row = _done(workspace, monkeypatch)
    assert (row.state, row.model, len(beta.submitted)) == ("succeeded", "beta/writer", 1)
    assert route_said(row)[0].startswith("Out of reach: Alpha writer. Asked Beta writer instead.")


def test_a_lost_answer_is_never_followed_by_another_request(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = vendors
    alpha.script = "cut"
    row = _done(workspace, monkeypatch)
    assert (row.state, row.model, row.cost) == ("expired", "alpha/writer", 0)
    assert (len(alpha.submitted), len(beta.submitted)) == (1, 0)
    assert _money(workspace) == (0, 0)


def test_all_busy_ends_without_a_charge(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = vendors
    alpha.script = beta.script = "429"
    row = _done(workspace, monkeypatch)
    assert (row.state, row.error_code, row.model, row.cost) == ("failed", "rate_limited", "beta/writer", 0)
    assert len(alpha.submitted) == 1
    assert _money(workspace) == (0, 0)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["beta/gone"], "There is no model “beta/gone”."),
        (["sandbox/image"], "Sandbox image cannot stand in for Alpha writer: it does something else."),
        (["alpha/writer"], "Alpha writer is asked first already."),
    ],
)
def test_who_cannot_stand_in_is_refused_beforehand(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, names: list[str], sentence: str
) -> None:
    with pytest.raises(InvalidGeneration) as refused:
        begin(workspace, "alpha/writer", PARAMS, fallbacks=names)
    assert refused.value.fields == [{"field": "fallbacks", "message": sentence}]
    assert _money(workspace) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_words_are_told_while_they_are_written(
    vendors: tuple[WritingServer, WritingServer], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, _beta = vendors
    monkeypatch.setattr(telling, "EVERY_S", 0.0)
    told: list[str] = []

    def hear(generation_id: UUID, **_: Any) -> None:
        told.append(Generation.objects.for_workspace(workspace.id).get(id=generation_id).text)

    alpha.between = lambda place: time.sleep(0.05)
    generation_progressed.connect(hear)
    try:
        row = live(begin(workspace, "alpha/writer", PARAMS), monkeypatch)
    finally:
        generation_progressed.disconnect(hear)
    parts = [text for text in told if text]
    assert row.text == TEXT
    assert parts[0] == "The "
    assert len(parts) >= 3
    assert all(TEXT.startswith(part) for part in parts)
