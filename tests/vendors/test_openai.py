"""OpenAI's adapter against a server that holds both to the official description."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from apps.generations.models import Generation, GenerationState
from apps.workspaces.models import Workspace
from tests.vendors.matrix import Case, call_back, calm, cancel, play
from tests.vendors.openai_server import SECRET, TEXT, OpenAIServer, signed
from tests.vendors.server import ContractServer, serving

STATE = GenerationState
IMAGE, TEXTS, SPEECH = "openai/gpt-image-2.5-flare", "openai/gpt-6.1-terra", "openai/gpt-4o-mini-tts"
# Micro-credits by the tokens that the server tells.
IMAGE_COST = (10 * 5 + 439 * 30) * 100
TEXT_COST = (12 * 1 + 200 * 5) * 100
SPEECH_COST = round((6 * 0.6 + 40 * 12) * 100)
SIGNED = {"webhook_secret": SECRET}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving(OpenAIServer()) as found:
        assert isinstance(found, OpenAIServer)
        yield found


def _webhooks(row: Generation, server: ContractServer) -> None:
    """Two genuine ones, and some that are not."""
    now = time.time()
    assert [call_back(row, *signed("resp_1")) for _ in range(2)] == [202, 202]
    assert call_back(row, *signed("resp_1", at=now - 301)) == 404
    assert call_back(row, *signed("resp_1", at=now + 301)) == 404
    assert call_back(row, *signed("resp_1", secret="whsec_" + "b3RoZXI=")) == 404
    assert call_back(row, *signed("resp_other")) == 404


def _early(row: Generation, server: ContractServer) -> None:
    assert call_back(row, *signed("resp_1")) == 202


def _done_then_cancel(row: Generation, server: ContractServer) -> None:
    server.jobs["resp_1"].state = "completed"
    cancel(row, server)


def _look_faults(row: Generation, server: ContractServer) -> None:
    assert isinstance(server, OpenAIServer)
    server.look_faults = [500, 503, 429]


LOST = {"state": STATE.EXPIRED, "code": "expired_unknown", "script": "cut"}
BUSY = {"state": STATE.FAILED, "code": "rate_limited", "accepted": 0, "submitted": 6}
ILL = {"state": STATE.FAILED, "code": "unavailable", "accepted": 0, "submitted": 6}
WITHHELD = {"state": STATE.FAILED, "code": "content_policy"}
CASES = {
    "image-well": Case(IMAGE, cost=IMAGE_COST),
    "image-cut": Case(IMAGE, **LOST),
    "image-429": Case(IMAGE, "429", **BUSY),
    "image-429-then-well": Case(IMAGE, "429-later", cost=IMAGE_COST, submitted=2, turns={1: calm}),
    "image-500": Case(IMAGE, "500", **ILL),
    "image-503-then-well": Case(IMAGE, "503", cost=IMAGE_COST, submitted=2, turns={1: calm}),
    "image-moderated": Case(IMAGE, "moderated", **WITHHELD, accepted=0),
    "image-moderated-success": Case(IMAGE, "withheld", state=STATE.FAILED, code="failed"),
    "image-unreadable": Case(IMAGE, "garbage", state=STATE.EXPIRED, code="expired_unknown"),
    "image-cancel-before": Case(
        IMAGE, state=STATE.CANCELLED, code="cancelled", accepted=0, submitted=0, turns={0: cancel}
    ),
    "speech-well": Case(SPEECH, cost=SPEECH_COST),
    "speech-cut": Case(SPEECH, **LOST),
    "speech-breaks": Case(SPEECH, "breaks", state=STATE.EXPIRED, code="expired_unknown"),
    "speech-429": Case(SPEECH, "429", **BUSY),
    "text-well": Case(TEXTS, cost=TEXT_COST),
    "text-cut": Case(TEXTS, **LOST),
    "text-breaks": Case(TEXTS, "breaks", cost=TEXT_COST),
    "text-429": Case(TEXTS, "429", **BUSY),
    "text-429-then-well": Case(TEXTS, "429-later", cost=TEXT_COST, submitted=2, turns={1: calm}),
    "text-500": Case(TEXTS, "500", **ILL),
    "text-5xx-on-poll": Case(TEXTS, "breaks", cost=TEXT_COST, turns={0: _look_faults}),
    "text-webhook-early": Case(TEXTS, cost=TEXT_COST, told=SIGNED, telling=_early),
    "text-webhook-duplicate-stale-future-forged": Case(
        TEXTS, "breaks", cost=TEXT_COST, told=SIGNED, turns={1: _webhooks}
    ),
    "text-moderated": Case(TEXTS, "moderated", **WITHHELD, accepted=0),
    "text-moderated-success": Case(TEXTS, "withheld", **WITHHELD),
    "text-fails": Case(TEXTS, "fails", state=STATE.FAILED, code="failed"),
    "text-all-tokens-thought": Case(TEXTS, "silent", state=STATE.FAILED, code="failed"),
    "text-unreadable": Case(TEXTS, "garbage", state=STATE.EXPIRED, code="expired_unknown"),
    "text-cancel-before": Case(
        TEXTS, state=STATE.CANCELLED, code="cancelled", accepted=0, submitted=0, turns={0: cancel}
    ),
    "text-cancel-while-writing": Case(TEXTS, state=STATE.CANCELLED, code="cancelled", telling=cancel),
    "text-cancel-while-running": Case(TEXTS, "breaks", state=STATE.CANCELLED, code="cancelled", turns={1: cancel}),
    "text-cancel-after-completion": Case(TEXTS, "breaks", cost=TEXT_COST, turns={1: _done_then_cancel}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", CASES)
def test_openai_scenario(
    scenario: str, server: OpenAIServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[scenario]
    server.done_after = 4
    row = play(case, server, workspace, monkeypatch)
    if case.state == STATE.SUCCEEDED:
        assert row.text == (TEXT if case.model == TEXTS else "")
        assert [ref["kind"] for ref in row.outputs] == {IMAGE: ["image"], SPEECH: ["audio"], TEXTS: []}[case.model]
