"""Black Forest Labs: jobs by their own addresses, moderation as a state, and every fault that the matrix knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apps.generations.models import GenerationState
from apps.providers import catalogue
from apps.providers.base import Credentials, ProviderError, WebhookRefused
from apps.providers.bfl import BflProvider
from apps.workspaces.models import Workspace
from tests.vendors.bfl_server import BflServer
from tests.vendors.scenarios import ENDS, Play, scenarios
from tests.vendors.server import serving
from tests.vendors.trying import choices, look, order, ours

# The vendor sends no webhooks that could be believed. It takes an order and withholds afterwards, and stops nothing.
PLAYED = [name for name in ENDS if not name.startswith("webhook") and name not in ("queue-climbs", "refused-by-policy")]
OWN_ENDS = {"cancel-while": (GenerationState.SUCCEEDED, "")}


@pytest.fixture
def server() -> Iterator[BflServer]:
    server = BflServer()
    with serving(server):
        yield server


@scenarios(PLAYED)
def test_bfl_scenario(scenario: str, server: BflServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"prompt": "a lighthouse", "seed": 7}
    play = Play(server, workspace, monkeypatch, "bfl/flux-2-pro", params, ends=OWN_ENDS, stops=False)
    row = play.run(scenario)
    if scenario == "well":
        assert (row.cost, row.price_high) == (2_500_000, 3_000_000), "by the vendor's own figure"


@pytest.mark.parametrize("model", ours("bfl"), ids=lambda model: model.id)
def test_every_model_is_taken_with_its_defaults_and_delivers(model: catalogue.Model, server: BflServer) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    server.done_after = 0
    job = look(provider, provider.submit(order(model.id)))
    assert job.state == "succeeded" and job.outputs[0].content_type == f"image/{server.asked('output_format')}"


@pytest.mark.parametrize("model", ours("bfl"), ids=lambda model: model.id)
def test_every_choice_of_a_form_is_one_the_vendor_knows(model: catalogue.Model, server: BflServer) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    for choice in choices(model):
        assert provider.submit(order(model.id, **choice)).state == "submitted", choice


@pytest.mark.parametrize(
    ("script", "code", "permanent"),
    [
        ("moderated", "content_policy", True),
        ("refused-by-policy", "content_policy", True),
        ("fails", "failed", False),
        ("breaks", "failed", False),
    ],
)
def test_how_a_job_can_end(server: BflServer, script: str, code: str, permanent: bool) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    server.script, server.done_after = script, 0
    job = look(provider, provider.submit(order("bfl/flux-2-pro")))
    assert job.state == "failed" and job.error is not None
    assert (job.error.code, job.error.permanent) == (code, permanent)


def test_progress_is_told(server: BflServer) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    server.done_after = 3
    job = provider.submit(order("bfl/flux-2-pro"))
    assert [look(provider, job).progress for _ in range(2)] == [0.2, 0.4]


def test_no_money_left_is_the_accounts_trouble(server: BflServer) -> None:
    server.script = "credits"
    with pytest.raises(ProviderError, match="Insufficient credits") as caught:
        BflProvider(Credentials("test-key", server.url)).submit(order("bfl/flux-2-pro"))
    assert (caught.value.code, caught.value.permanent, caught.value.sent) == ("auth", True, False)


def test_pictures_are_given_by_address_and_too_many_are_refused_before_sending(server: BflServer) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    asked = order("bfl/flux-2-klein-9b")
    provider.submit(replace(asked, inputs={"images": [{"url": f"https://a/{n}"} for n in range(4)]}))
    assert [server.asked(f"input_image{more}") for more in ("", "_2", "_4")] == [
        "https://a/0",
        "https://a/1",
        "https://a/3",
    ]
    with pytest.raises(ProviderError, match="At most 4"):
        provider.submit(replace(asked, inputs={"images": [{"url": "u"}] * 5}))
    assert len(server.submitted) == 1


def test_no_webhook_is_asked_for_or_believed(server: BflServer) -> None:
    provider = BflProvider(Credentials("test-key", server.url))
    provider.submit(order("bfl/flux-2-pro"))
    assert "webhook_url" not in server.submitted[0].json()
    with pytest.raises(WebhookRefused):
        provider.verify_webhook({}, b"{}")
