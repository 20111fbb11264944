"""Stability: pictures in the answer itself, jobs where it takes long, and every fault that the matrix knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.assets.services import asset_ref, asset_store
from apps.generations.models import GenerationState
from apps.providers import catalogue
from apps.providers.base import Credentials, Output, ProviderError, WebhookRefused
from apps.providers.stability import StabilityProvider
from apps.workspaces.models import Workspace
from tests.assets import files
from tests.vendors.scenarios import ENDS, Play, scenarios
from tests.vendors.server import serving
from tests.vendors.stability_server import StabilityServer
from tests.vendors.trying import OurFiles, choices, look, order, ours

STATE = GenerationState
# There are no webhooks, no queue and no cancel. The answer to the POST is the end of it.
AT_ONCE = ["well", "cut", "429", "429-later", "500", "502", "503", "unreadable-submit", "moderated"]
AT_ONCE += ["refused-by-policy", "fails", "cancel-before"]
# A 5xx is the end of that request, and no picture is left behind: it is asked for again.
AT_ONCE_ENDS = {"500": (STATE.SUCCEEDED, ""), "fails": (STATE.FAILED, "invalid")}
LATER = [name for name in ENDS if not name.startswith("webhook") and name not in ("queue-climbs", "fails")]
LATER_ENDS = {"cancel-while": (STATE.SUCCEEDED, ""), "expired": (STATE.FAILED, "not_found")}


@pytest.fixture
def server() -> Iterator[StabilityServer]:
    server = StabilityServer()
    with serving(server):
        yield server


@scenarios(AT_ONCE)
def test_stability_scenario(
    scenario: str, server: StabilityServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"prompt": "a lighthouse", "seed": 7}
    play = Play(server, workspace, monkeypatch, "stability/core", params, ends=AT_ONCE_ENDS, again=("500",))
    row = play.run(scenario)
    if scenario == "well":
        assert row.cost == 3_000_000
        assert not any(one.method == "GET" for one in server.seen)


@scenarios(LATER)
def test_stability_later_scenario(
    scenario: str, server: StabilityServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(files.picture())
    asset = asset_store(workspace_id=workspace.id, path=picture, filename="picture.png", source="upload")
    inputs = {"image": asset_ref(asset)}
    params = {"prompt": "a lighthouse", "seed": 7}
    model = "stability/upscale-creative"
    Play(server, workspace, monkeypatch, model, params, inputs, ends=LATER_ENDS, stops=False).run(scenario)


@pytest.mark.parametrize("model", ours("stability"), ids=lambda model: model.id)
def test_every_model_is_taken_with_its_defaults_and_delivers(
    model: catalogue.Model, server: StabilityServer, tmp_path: Path
) -> None:
    provider = StabilityProvider(Credentials("test-key", server.url))
    server.done_after = 0
    with serving(OurFiles()) as store:
        job = provider.submit(order(model.id, f"{store.url}/picture.png"))
        assert all("authorization" not in one.headers for one in store.seen)
    if model.call.get("later"):
        job = look(provider, job)
        provider.fetch(job.outputs[0], tmp_path / "made")
        assert (tmp_path / "made").read_bytes() == files.picture()
    else:
        assert job.outputs[0].content == files.picture()
    assert job.state == "succeeded" and job.outputs[0].content_type == "image/png"


@pytest.mark.parametrize("model", ours("stability"), ids=lambda model: model.id)
def test_every_choice_of_a_form_is_one_the_vendor_knows(model: catalogue.Model, server: StabilityServer) -> None:
    provider = StabilityProvider(Credentials("test-key", server.url))
    with serving(OurFiles()) as store:
        for choice in choices(model):
            assert provider.submit(order(model.id, f"{store.url}/picture.png", **choice)).error is None, choice


def test_a_filtered_picture_is_not_delivered(server: StabilityServer) -> None:
    server.script = "moderated"
    job = StabilityProvider(Credentials("test-key", server.url)).submit(order("stability/ultra"))
    assert job.state == "failed" and job.error is not None and not job.outputs
    assert (job.error.code, job.error.permanent) == ("content_policy", True)


def test_refused_later_ends_the_job_and_not_only_the_look(server: StabilityServer) -> None:
    provider = StabilityProvider(Credentials("test-key", server.url))
    server.script, server.done_after = "refused-later", 0
    with serving(OurFiles()) as store:
        job = look(provider, provider.submit(order("stability/upscale-creative", f"{store.url}/picture.png")))
    assert job.state == "failed" and job.error is not None and job.error.code == "content_policy"


def test_a_file_that_is_too_large_or_gone_is_never_sent(server: StabilityServer) -> None:
    provider = StabilityProvider(Credentials("test-key", server.url))
    with serving(OurFiles()) as store:
        with pytest.raises(ProviderError, match="10 MB") as large:
            provider.submit(order("stability/upscale-fast", f"{store.url}/large.png"))
        with pytest.raises(ProviderError) as gone:
            provider.submit(order("stability/upscale-fast", f"{store.url}/nothing.png"))
    assert (large.value.code, large.value.permanent, large.value.sent) == ("invalid", True, False)
    assert (gone.value.code, gone.value.permanent, gone.value.sent) == ("unavailable", False, False)
    assert server.submitted == []


def test_the_key_goes_to_the_vendor_only(server: StabilityServer, tmp_path: Path) -> None:
    provider = StabilityProvider(Credentials("test-key", server.url))
    with serving(OurFiles()) as store:
        provider.fetch(Output(f"{store.url}/picture.png", "image/png", "a.png"), tmp_path / "made")
        assert "authorization" not in store.seen[0].headers


def test_wrong_key_and_wrong_form_are_told_apart(server: StabilityServer) -> None:
    with pytest.raises(ProviderError, match="not valid") as caught:
        StabilityProvider(Credentials("another", server.url)).submit(order("stability/core"))
    assert (caught.value.code, caught.value.permanent, caught.value.sent) == ("auth", True, False)
    with pytest.raises(ProviderError) as wrong:
        StabilityProvider(Credentials("test-key", server.url)).submit(order("stability/core", cfg_scale=99))
    assert (wrong.value.code, wrong.value.permanent, wrong.value.sent) == ("invalid", True, False)
    with pytest.raises(WebhookRefused):
        StabilityProvider(Credentials("test-key", server.url)).verify_webhook({}, b"{}")
