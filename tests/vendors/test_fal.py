"""fal: its queue, its signatures, and every fault that the matrix knows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jsonschema_rs
import pytest

from apps.providers import catalogue
from apps.providers.base import Credentials, ProviderError, Submission, WebhookRefused
from apps.providers.fal import FalProvider, body
from apps.workspaces.models import Workspace
from tests.vendors.dts import endpoints
from tests.vendors.fal_server import TYPES, FalServer
from tests.vendors.scenarios import ENDS, Play, scenarios
from tests.vendors.server import serving
from tests.vendors.trying import choices, look, order, ours

OURS = ours("fal")
PLAYED = [name for name in ENDS if name != "refused-by-policy"]


@pytest.fixture
def server() -> Iterator[FalServer]:
    server = FalServer()
    with serving(server):
        yield server


@scenarios(PLAYED)
def test_fal_scenario(scenario: str, server: FalServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(server, workspace, monkeypatch, "fal/flux-dev", {"prompt": "a lighthouse", "seed": 7})
    row = play.run(scenario)
    if scenario == "well":
        assert row.cost == row.price_high == 2_500_000
        assert row.outputs[0]["kind"] == "image"


def adapter(server: FalServer) -> FalProvider:
    return FalProvider(Credentials("test-key", server.url))


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.id)
def test_every_model_is_taken_with_its_defaults_and_delivers(model: catalogue.Model, server: FalServer) -> None:
    provider = adapter(server)
    server.done_after = 0
    job = look(provider, provider.submit(order(model.id)))
    assert job.state == "succeeded" and job.outputs
    assert server.submitted[0].query == {"fal_webhook": ["https://mill.example/hook"]}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.id)
def test_every_choice_of_a_form_is_one_the_vendor_knows(model: catalogue.Model) -> None:
    if not TYPES.exists():
        pytest.skip("no list of endpoints")
    validator = jsonschema_rs.Draft202012Validator(endpoints(TYPES).input(model.call["app"]))
    inputs = {
        name: [{"url": "u"}] if isinstance(theirs, list) else {"url": "u"}
        for name, theirs in model.call.get("inputs", {}).items()
    }
    for choice in choices(model):
        params = catalogue.params_complete(model.id, {"prompt": "x", **choice})
        asked = body(Submission(model.id, params, inputs, "a", None, model.call))
        assert list(validator.iter_errors(asked)) == [], choice


def test_policy_by_the_model_keeps_the_vendors_sentence(server: FalServer) -> None:
    provider = adapter(server)
    server.script, server.done_after = "refused-by-model", 0
    job = look(provider, provider.submit(order("fal/flux-dev")))
    assert job.state == "failed" and job.error is not None
    assert (job.error.code, job.error.permanent, str(job.error)) == ("content_policy", True, "The content was flagged.")


def test_wrong_key_is_told_apart(server: FalServer) -> None:
    with pytest.raises(ProviderError) as caught:
        FalProvider(Credentials("another", server.url)).submit(order("fal/flux-dev"))
    assert (caught.value.code, caught.value.permanent, caught.value.sent) == ("auth", True, False)
    assert "another" not in str(caught.value)


def test_place_in_the_queue_is_told(server: FalServer) -> None:
    provider = adapter(server)
    server.script, server.done_after = "queue-climbs", 3
    job = provider.submit(order("fal/flux-dev"))
    told = [look(provider, job).message for _ in range(3)]
    assert told == ["In the queue, 1 ahead", "In the queue, 2 ahead", "In the queue, 3 ahead"]


@pytest.mark.parametrize("off", [-310, 310])
def test_webhook_of_another_time_is_refused(server: FalServer, off: int) -> None:
    job = server.accept(None, {})  # type: ignore[arg-type]
    sent, headers = server.webhook(job, at=time.time() + off)
    with pytest.raises(WebhookRefused, match="too old, or from the future"):
        adapter(server).verify_webhook(headers, sent)


def test_webhook_signed_by_another_is_refused_and_keys_are_not_fetched_for_each(server: FalServer) -> None:
    job = server.accept(None, {})  # type: ignore[arg-type]
    provider = adapter(server)
    sent, headers = server.webhook(job, at=time.time())
    assert provider.verify_webhook(headers, sent) == job.id
    for _ in range(3):
        with pytest.raises(WebhookRefused, match="signature"):
            provider.verify_webhook({**headers, "X-Fal-Webhook-Signature": "00" * 64}, sent)
    with pytest.raises(WebhookRefused, match="signature"):
        provider.verify_webhook({**headers, "X-Fal-Webhook-User-Id": "another"}, sent)
    with pytest.raises(WebhookRefused, match="no id or no time"):
        provider.verify_webhook({}, sent)
    assert len([one for one in server.seen if one.path.endswith("jwks.json")]) == 1
