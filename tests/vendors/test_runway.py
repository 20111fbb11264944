"""Runway's adapter against its contract server: what it sends, what it makes of the answers, and every scenario."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from runwayml.types import TextToVideoCreateParams

from apps.providers.base import Credentials, Job, ProviderError, Submission, WebhookRefused
from apps.providers.catalogue import MODELS, model_get, params_complete
from apps.providers.runway import RunwayProvider
from apps.workspaces.models import Workspace
from tests.vendors import cases, typed
from tests.vendors.cases import Case
from tests.vendors.runway_server import CREDITS, KEY, RunwayServer
from tests.vendors.server import serving

VIDEO = "runway/gen4.5"
SCENARIOS = [
    "well", "cut", "unreadable", "429", "429-later", "500", "503", "look-500", "look-unreadable", "position-up",
    "expired-url", "gone-url", "moderated", "fails", "refused", "cancel-before", "cancel-while", "cancel-after",
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[RunwayServer]:
    made = RunwayServer()
    with serving(made):
        yield made


@pytest.fixture
def runway(server: RunwayServer) -> RunwayProvider:
    return RunwayProvider(Credentials(key=KEY, base_url=server.url))


def call(model: str, **inputs: object) -> Submission:
    complete = params_complete(model, {"prompt": "a lighthouse", "seed": 7})
    return Submission(model, complete, inputs, "attempt-1", call=model_get(model).call)


async def look(runway: RunwayProvider, job: Job) -> Job:
    async with httpx.AsyncClient() as client:
        return await runway.poll(client, job.provider_request_id, job.urls)


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_runway_scenario(
    scenario: str, server: RunwayServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if scenario == "position-up":
        server.done_after = 3
    row = cases.run(Case(server, workspace, VIDEO, {"prompt": "a lighthouse"}, ends=cases.ASKED), scenario, monkeypatch)
    if scenario == "well":
        # What Runway says it took, not what was held for it.
        assert (row.cost, row.price_high) == (CREDITS * 1_000_000, 60_000_000)


@pytest.mark.django_db
def test_a_first_image_goes_by_its_address_to_another_place(
    server: RunwayServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = cases.picture_input(workspace, tmp_path)
    cases.run(Case(server, workspace, VIDEO, {"prompt": "waves"}, {"image": image}), "well", monkeypatch)
    (sent,) = server.submitted
    assert sent.path == "/v1/image_to_video"
    assert sent.json()["promptImage"].startswith("http")


def test_every_entry_is_what_the_sdk_allows(runway: RunwayProvider, server: RunwayServer) -> None:
    image = {"url": "https://example.com/a.png"}
    for model in [name for name in MODELS if name.startswith("runway/")]:
        inputs = {name: image for name in model_get(model).inputs if name != "prompt"}
        job = runway.submit(call(model, **inputs))
        assert job.state == "submitted"


def test_the_contract_refuses_what_the_sdk_does_not_know() -> None:
    sound = {"model": "gen4.5", "promptText": "waves", "ratio": "1280:720", "duration": 5}
    typed.check(sound, TextToVideoCreateParams)
    for wrong in ({"bogus": 1}, {"ratio": "1:1"}, {"duration": "5"}, {"model": "gen9"}):
        with pytest.raises(typed.Misfit):
            typed.check({**sound, **wrong}, TextToVideoCreateParams)
    with pytest.raises(typed.Misfit):
        typed.check({"model": "gen4.5", "promptText": "waves"}, TextToVideoCreateParams)


def test_what_is_needed_is_missed_before_anything_is_sent(runway: RunwayProvider, server: RunwayServer) -> None:
    with pytest.raises(ProviderError) as caught:
        runway.submit(call("runway/gen4-turbo"))
    assert (caught.value.code, caught.value.permanent, server.submitted) == ("invalid", True, [])


async def test_failures_are_told_apart(runway: RunwayProvider, server: RunwayServer) -> None:
    server.done_after = 0
    for script, code in {"moderated": "content_policy", "bad-asset": "invalid", "fails": "failed"}.items():
        server.script = script
        job = await look(runway, runway.submit(call(VIDEO)))
        assert job.error
        assert job.error.code == code


async def test_cancelling_does_not_delete_what_has_ended(runway: RunwayProvider, server: RunwayServer) -> None:
    server.done_after = 0
    job = runway.submit(call(VIDEO))
    runway.cancel(job.provider_request_id, job.urls)
    assert (await look(runway, job)).state == "succeeded"
    assert not any(request.method == "DELETE" for request in server.seen)


def test_the_sentence_names_the_parameter(runway: RunwayProvider, server: RunwayServer) -> None:
    server.script = "refused"
    with pytest.raises(ProviderError, match=r"Validation of body failed; promptText is too long\."):
        runway.submit(call(VIDEO))


def test_nobody_is_told_to_call(runway: RunwayProvider) -> None:
    with pytest.raises(WebhookRefused):
        runway.verify_webhook({}, b"{}")
