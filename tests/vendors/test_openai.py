"""OpenAI's adapter against a server that holds both to the official description."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.assets.services import asset_store
from apps.generations.models import Generation, GenerationState
from apps.providers.base import Credentials, ProviderError, Submission, WebhookRefused
from apps.providers.catalogue import MODELS, params_complete, quote
from apps.providers.http import Vendor
from apps.providers.openai import OpenAIProvider, _refusal
from apps.workspaces.models import Workspace
from tests.assets.files import picture
from tests.vendors.contracts import form_read
from tests.vendors.matrix import Case, busy, call_back, cancel, cancelled_before, lost, play, refused, well_later
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
    assert call_back(row, *signed("resp_1", at=now - 600)) == 404
    assert call_back(row, *signed("resp_1", at=now + 600)) == 404
    assert call_back(row, *signed("resp_1", secret="whsec_" + "b3RoZXI=")) == 404
    assert call_back(row, *signed("resp_other")) == 404


def _early(row: Generation, server: ContractServer) -> None:
    assert call_back(row, *signed("resp_1")) == 202


def _done_then_cancel(row: Generation, server: ContractServer) -> None:
    server.jobs["resp_1"].state = "completed"
    cancel(row, server)


def _forget(row: Generation, server: ContractServer) -> None:
    server.jobs.clear()


def _look_faults(row: Generation, server: ContractServer) -> None:
    assert isinstance(server, OpenAIServer)
    server.look_faults = [500, 503, 429]


TRIES = 6
CASES = {
    "image-well": Case(IMAGE, cost=IMAGE_COST),
    "image-cut": lost(IMAGE),
    "image-429": busy(IMAGE, "429"),
    "image-429-then-well": well_later(IMAGE, "429-later", IMAGE_COST),
    "image-500": refused(IMAGE, "500", "unavailable", tries=TRIES),
    "image-503-then-well": well_later(IMAGE, "503", IMAGE_COST),
    "image-moderated": refused(IMAGE, "moderated", "content_policy"),
    "image-nothing-in-it": refused(IMAGE, "withheld", "failed", accepted=1),
    "image-unreadable": lost(IMAGE, "garbage"),
    "image-cancel-before": cancelled_before(IMAGE),
    "image-cancel-while-made": Case(IMAGE, cost=IMAGE_COST, answered=cancel),
    "speech-well": Case(SPEECH, cost=SPEECH_COST),
    "speech-cut": lost(SPEECH),
    "speech-breaks": lost(SPEECH, "breaks"),
    "speech-429": busy(SPEECH, "429"),
    "speech-moderated": refused(SPEECH, "moderated", "content_policy"),
    "text-well": Case(TEXTS, cost=TEXT_COST),
    "text-cut": lost(TEXTS),
    "text-breaks": Case(TEXTS, "breaks", cost=TEXT_COST),
    "text-429": busy(TEXTS, "429"),
    "text-429-then-well": well_later(TEXTS, "429-later", TEXT_COST),
    "text-500": refused(TEXTS, "500", "unavailable", tries=TRIES),
    "text-502-without-a-word": lost(TEXTS, "gateway", accepted=0),
    "text-5xx-on-poll": Case(TEXTS, "breaks", cost=TEXT_COST, turns={0: _look_faults}),
    "text-gone-on-poll": refused(TEXTS, "breaks", "not_found", accepted=1, turns={1: _forget}),
    "text-webhook-early": Case(TEXTS, cost=TEXT_COST, told=SIGNED, telling=_early),
    "text-webhook-duplicate-stale-future-forged": Case(
        TEXTS, "breaks", cost=TEXT_COST, told=SIGNED, turns={1: _webhooks}
    ),
    "text-moderated": refused(TEXTS, "moderated", "content_policy"),
    "text-moderated-success": refused(TEXTS, "withheld", "content_policy", accepted=1),
    "text-fails": refused(TEXTS, "fails", "failed", accepted=1),
    "text-all-tokens-thought": refused(TEXTS, "silent", "failed", accepted=1),
    "text-unreadable": lost(TEXTS, "garbage"),
    "text-cancel-at-the-answer": Case(TEXTS, cost=TEXT_COST, answered=cancel),
    "text-cancel-before": cancelled_before(TEXTS),
    "text-cancel-while-writing": Case(TEXTS, "", STATE.CANCELLED, "cancelled", telling=cancel),
    "text-cancel-while-running": Case(TEXTS, "breaks", STATE.CANCELLED, "cancelled", turns={1: cancel}),
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


@pytest.mark.django_db
def test_an_edit_lives_with_a_picture_of_ours(
    server: OpenAIServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    asset = asset_store(workspace_id=workspace.id, path=path, filename="a.png", source="upload")
    inputs = {"images": [{"$asset": str(asset.id)}]}
    play(Case(IMAGE, cost=IMAGE_COST + 1000 * 8 * 100, inputs=inputs), server, workspace, monkeypatch)
    _fields, ((name, kind, content),) = form_read(server.accepted[0])
    assert (name, kind, content) == ("image[]", "image/png", picture())


def test_an_empty_account_is_not_waited_for() -> None:
    body = {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}
    with pytest.raises(ProviderError) as refusal:
        Vendor("OpenAI", {}, refusal=_refusal).check(httpx.Response(429, json=body))
    assert (refusal.value.code, refusal.value.permanent) == ("auth", True)


@pytest.mark.parametrize(("script", "seconds"), [("429", None), ("429-later", 7.0)])
@pytest.mark.parametrize("model", [IMAGE, TEXTS, SPEECH])
def test_when_to_come_back_is_the_vendors_word(
    model: str, script: str, seconds: float | None, server: OpenAIServer
) -> None:
    server.script = script
    with pytest.raises(ProviderError) as refusal:
        OpenAIProvider(Credentials("test-key", server.url)).submit(_order(server, model))
    said = refusal.value
    assert (said.code, said.permanent, said.sent, said.retry_after_s) == ("rate_limited", False, False, seconds)


def _order(server: OpenAIServer, model: str, **more: Any) -> Submission:
    params = params_complete(model, {"prompt": "a lighthouse", **more})
    return Submission(model, params, {}, "attempt-1", call=MODELS[model].call)


@pytest.mark.parametrize("model", [name for name in MODELS if name.startswith("openai/")])
def test_every_entry_is_what_the_vendor_takes(model: str, server: OpenAIServer) -> None:
    job = OpenAIProvider(Credentials("test-key", server.url)).submit(_order(server, model))
    assert (job.state, len(server.accepted)) == ("succeeded", 1)
    assert MODELS[model].price.actual({}, {}, job.usage) or model == "openai/tts-1-hd"


def test_every_choice_of_an_image_is_what_the_vendor_takes(server: OpenAIServer) -> None:
    adapter = OpenAIProvider(Credentials("test-key", server.url))
    model = MODELS["openai/gpt-image-2"]
    for name, schema in model.params["properties"].items():
        for value in schema.get("enum", [schema.get("maximum")]):
            assert adapter.submit(_order(server, model.id, **{name: value})).state == "succeeded", (name, value)


def test_images_are_edited_by_upload(server: OpenAIServer) -> None:
    server.files["/files/a.png"] = picture()
    given = {"url": f"{server.url}/files/a.png", "content_type": "image/png"}
    order = replace(_order(server, IMAGE, n=2), inputs={"images": [given, given], "mask": given})
    job = OpenAIProvider(Credentials("test-key", server.url)).submit(order)
    assert server.accepted[0].path == "/images/edits"
    fields, files = form_read(server.accepted[0])
    assert [name for name, _kind, _content in files] == ["image[]", "image[]", "mask"]
    # The description knows no filter for edits.
    assert "moderation" not in fields
    assert (fields["n"], len(job.outputs), job.outputs[0].filename) == ("2", 2, "image-1.png")
    # 10 words and 1,000 tokens of pictures read, 439 drawn for each.
    assert job.usage["usd"] == pytest.approx(10 * 5e-6 + 1000 * 8e-6 + 2 * 439 * 3e-5)


def test_pictures_are_shown_inside_of_the_request(server: OpenAIServer) -> None:
    server.files["/files/a.png"] = picture()
    given = {"url": f"{server.url}/files/a.png", "content_type": "image/png"}
    order = replace(_order(server, TEXTS, system="Be brief."), inputs={"images": given})
    told: list[str] = []

    def listen(text: str) -> bool:
        told.append(text)
        return True

    job = OpenAIProvider(Credentials("test-key", server.url)).submit(replace(order, tell=listen))
    asked = server.accepted[0].json()
    assert [part["type"] for part in asked["input"][0]["content"]] == ["input_text", "input_image"]
    assert asked["input"][0]["content"][1]["image_url"].startswith("data:image/png;base64,")
    assert (asked["instructions"], asked["reasoning"], asked["max_output_tokens"]) == (
        "Be brief.",
        {"effort": "low"},
        4096,
    )
    assert (job.text, told[-1], len(told)) == (TEXT, TEXT, 4)


def test_an_input_that_is_gone_sends_nothing(server: OpenAIServer) -> None:
    order = replace(_order(server, IMAGE), inputs={"images": {"url": f"{server.url}/files/gone.png"}})
    with pytest.raises(ProviderError) as refusal:
        OpenAIProvider(Credentials("test-key", server.url)).submit(order)
    assert (refusal.value.code, refusal.value.sent, server.submitted) == ("unavailable", False, [])


def test_a_refused_key_is_not_repeated(server: OpenAIServer) -> None:
    with pytest.raises(ProviderError) as refusal:
        OpenAIProvider(Credentials("another-key", server.url)).submit(_order(server, TEXTS))
    assert (refusal.value.code, refusal.value.permanent, str(refusal.value)) == ("auth", True, "OpenAI answered 401.")


def test_nobody_there_means_that_nothing_was_sent() -> None:
    adapter = OpenAIProvider(Credentials("test-key", "http://127.0.0.1:9"))
    for model in (IMAGE, TEXTS, SPEECH):
        order = Submission(model, {"prompt": "a"}, {}, "attempt-1", call=MODELS[model].call)
        with pytest.raises(ProviderError) as refusal:
            adapter.submit(order)
        assert (refusal.value.code, refusal.value.sent) == ("unavailable", False)


@pytest.mark.parametrize("secret", ["", "whsec_%%%"])
def test_without_a_secret_no_webhook_is_believed(secret: str) -> None:
    adapter = OpenAIProvider(Credentials("test-key", webhook_secret=secret))
    with pytest.raises(WebhookRefused):
        adapter.verify_webhook(*signed("resp_1"))
    assert OpenAIProvider(Credentials("test-key", webhook_secret=SECRET)).verify_webhook(*signed("resp_1")) == "resp_1"


def test_instructions_are_read_and_held_for() -> None:
    short, long = (quote(TEXTS, {"prompt": "a", "system": "b" * count}, {}) for count in (0, 4000))
    # A dollar for a million tokens is 100 micro-credits for one.
    assert (long.low - short.low, long.high - short.high) == (1000 * 100, 4000 * 100)
