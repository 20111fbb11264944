"""Ollama's adapter against a server that holds both to the official description."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apps.generations.models import Generation, GenerationState
from apps.providers.base import Credentials, ProviderError, Submission
from apps.providers.catalogue import MODELS, params_complete
from apps.providers.ollama import OllamaProvider
from apps.workspaces.models import Workspace
from tests.assets.files import picture
from tests.vendors.matrix import Case, busy, call_back, cancel, cancelled_before, play, refused, well_later
from tests.vendors.ollama_server import TEXT, OllamaServer
from tests.vendors.server import ContractServer, serving

STATE = GenerationState
MODEL = "ollama/gemma4"
TRIES = 6


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with serving(OllamaServer()) as found:
        assert isinstance(found, OllamaServer)
        yield found


def _webhook(row: Generation, server: ContractServer) -> None:
    assert call_back(row, {}, b"{}") == 404


# A cut connection ends the work at Ollama, so "lost" is known for certain, and soon.
CASES = {
    "well": Case(MODEL),
    "cut": refused(MODEL, "cut", "lost", accepted=1),
    "breaks": refused(MODEL, "breaks", "lost", accepted=1),
    "429": busy(MODEL, "429"),
    "429-then-well": well_later(MODEL, "429-later", 0),
    "500": refused(MODEL, "500", "unavailable", tries=TRIES),
    "503-then-well": well_later(MODEL, "503", 0),
    "fails": refused(MODEL, "fails", "failed", accepted=1),
    "all-tokens-thought": refused(MODEL, "silent", "failed", accepted=1),
    "unreadable": refused(MODEL, "garbage", "lost", accepted=1),
    "not-pulled": refused(MODEL, "unpulled", "not_found"),
    "webhook-refused": Case(MODEL, telling=_webhook),
    "cancel-before": cancelled_before(MODEL),
    "cancel-while-writing": Case(MODEL, "", STATE.CANCELLED, "cancelled", telling=cancel),
}


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", CASES)
def test_ollama_scenario(
    scenario: str, server: OllamaServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = play(CASES[scenario], server, workspace, monkeypatch)
    if row.state == STATE.SUCCEEDED:
        assert (row.text, row.usage) == (TEXT, {"token_in": 12, "token_out": 50})
    if scenario == "not-pulled":
        assert "model 'gemma4' not found" in row.error_detail


def _order(model: str, **more: Any) -> Submission:
    params = params_complete(model, {"prompt": "a lighthouse", **more})
    return Submission(model, params, {}, "attempt-1", call=MODELS[model].call)


@pytest.mark.parametrize("model", [name for name in MODELS if name.startswith("ollama/")])
def test_every_entry_is_what_the_vendor_takes(model: str, server: OllamaServer) -> None:
    order = _order(model, seed=7, system="Be brief.")
    assert OllamaProvider(Credentials(base_url=server.url)).submit(order).state == "succeeded"
    asked = server.accepted[0].json()
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    wanted = {"num_predict": 1024, "temperature": 0.8, "top_p": 0.9, "num_ctx": 4096, "seed": 7}
    assert (asked["options"], asked["stream"]) == (wanted, True)
    assert asked.get("think") == ("medium" if model == "ollama/gpt-oss" else None)


def test_pictures_travel_inside_of_the_request(server: OllamaServer) -> None:
    server.files["/files/a.png"] = picture()
    given = {"url": f"{server.url}/files/a.png", "content_type": "image/png"}
    job = OllamaProvider(Credentials(base_url=server.url)).submit(replace(_order(MODEL), inputs={"images": [given]}))
    assert job.text == TEXT
    shown = server.accepted[0].json()["messages"][-1]["images"]
    assert base64.b64decode(shown[0]) == picture()


def test_who_stops_listening_is_told_nothing_more(server: OllamaServer) -> None:
    told: list[str] = []

    def once(text: str) -> bool:
        told.append(text)
        return False

    job = OllamaProvider(Credentials(base_url=server.url)).submit(replace(_order(MODEL), tell=once))
    assert (job.state, told) == ("cancelled", ["The lamp "])


@pytest.mark.parametrize(("address", "code"), [("", "auth"), ("http://127.0.0.1:9", "unavailable")])
def test_nobody_there_means_that_nothing_was_sent(address: str, code: str) -> None:
    with pytest.raises(ProviderError) as refusal:
        OllamaProvider(Credentials(base_url=address)).submit(_order(MODEL))
    assert (refusal.value.code, refusal.value.sent) == (code, False)
