"""Luma's adapter against its contract server: what it sends, what it makes of the answers, and every scenario."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.generations.models import GenerationState
from apps.providers.base import Credentials, ProviderError, Submission, WebhookRefused
from apps.providers.catalogue import MODELS, model_get, params_complete
from apps.providers.luma import LumaProvider
from apps.workspaces.models import Workspace
from tests.vendors import cases
from tests.vendors.cases import Case
from tests.vendors.luma_server import KEY, LumaServer
from tests.vendors.server import serving

IMAGE = "luma/uni-1"
VIDEO = "luma/ray-3.2"
SCENARIOS = [
    "well", "cut", "unreadable", "429", "429-later", "500", "503", "look-500", "look-unreadable", "position-up",
    "expired-url", "gone-url", "moderated", "fails", "refused", "cancel-before", "cancel-while", "cancel-after",
]  # fmt: skip
# It goes on, and what it made is paid.
ENDS = {**cases.ASKED, "cancel-while": (GenerationState.SUCCEEDED, "")}


@pytest.fixture
def server() -> Iterator[LumaServer]:
    made = LumaServer()
    with serving(made):
        yield made


@pytest.fixture
def luma(server: LumaServer) -> LumaProvider:
    return LumaProvider(Credentials(key=KEY, base_url=server.url))


def call(model: str, **inputs: object) -> Submission:
    complete = params_complete(model, {"prompt": "a lighthouse"})
    return Submission(model, complete, inputs, "attempt-1", call=model_get(model).call)


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_luma_scenario(
    scenario: str, server: LumaServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if scenario in ("position-up", "cancel-while"):
        server.done_after = 4
    row = cases.run(Case(server, workspace, IMAGE, {"prompt": "a lighthouse"}, ends=ENDS), scenario, monkeypatch)
    if scenario == "well":
        assert (row.cost, row.outputs[0]["kind"]) == (4_040_000, "image")


@pytest.mark.django_db
def test_a_first_image_is_a_keyframe(
    server: LumaServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = cases.picture_input(workspace, tmp_path)
    row = cases.run(Case(server, workspace, VIDEO, {"prompt": "waves"}, {"image": image}), "well", monkeypatch)
    video = server.submitted[0].json()["video"]
    assert (video["keyframe_indexes"], video["duration"]) == ([0], "5s")
    assert video["keyframes"][0]["media_type"] == "image/png"
    assert row.outputs[0]["kind"] == "video"


def test_every_entry_is_what_the_sdk_allows(luma: LumaProvider, server: LumaServer) -> None:
    image = {"url": "https://example.com/a.png", "content_type": "image/png"}
    for model in [name for name in MODELS if name.startswith("luma/")]:
        inputs = {name: image for name in model_get(model).inputs if name != "prompt"}
        assert luma.submit(call(model, **inputs)).state == "submitted"
    assert [request.json()["type"] for request in server.submitted] == ["image_edit", "image_edit", "video"]


async def test_failures_are_told_apart(luma: LumaProvider, server: LumaServer) -> None:
    server.done_after = 0
    codes = {"moderated": "content_policy", "budget": "auth", "corrupt": "invalid", "fails": "failed"}
    async with httpx.AsyncClient() as client:
        for script, code in codes.items():
            server.script = script
            job = await luma.poll(client, luma.submit(call(IMAGE)).provider_request_id, {})
            assert job.error
            assert job.error.code == code


def test_the_sentence_names_the_parameter(luma: LumaProvider, server: LumaServer) -> None:
    server.script = "refused"
    with pytest.raises(ProviderError, match=r"prompt: String is too long\."):
        luma.submit(call(IMAGE))


def test_nobody_is_told_to_call(luma: LumaProvider) -> None:
    with pytest.raises(WebhookRefused):
        luma.verify_webhook({}, b"{}")
