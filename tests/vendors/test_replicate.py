"""Replicate: predictions, Standard Webhooks, and every fault that the matrix knows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from apps.providers import catalogue
from apps.providers.base import Credentials, ProviderError, WebhookRefused
from apps.providers.replicate import ReplicateProvider
from apps.workspaces.models import Workspace
from tests.vendors.replicate_server import SECRET, ReplicateServer
from tests.vendors.scenarios import ENDS, Play, scenarios
from tests.vendors.server import serving
from tests.vendors.trying import look, order, ours


@pytest.fixture
def server() -> Iterator[ReplicateServer]:
    server = ReplicateServer()
    with serving(server):
        yield server


@scenarios(ENDS)
def test_replicate_scenario(
    scenario: str, server: ReplicateServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"prompt": "a lighthouse", "seed": 7, "num_outputs": 2}
    row = Play(server, workspace, monkeypatch, "replicate/flux-schnell", params).run(scenario)
    if scenario == "well":
        assert (row.cost, len(row.outputs)) == (600_000, 2)


@pytest.mark.parametrize("model", ours("replicate"), ids=lambda model: model.id)
def test_every_model_is_taken_with_its_defaults_and_delivers(model: catalogue.Model, server: ReplicateServer) -> None:
    provider = ReplicateProvider(Credentials("test-key", server.url))
    server.done_after = 0
    job = look(provider, provider.submit(order(model.id)))
    assert job.state == "succeeded"
    assert job.text == "Once upon a time." if model.kind == "text" else job.outputs
    sent = server.submitted[0]
    assert sent.headers["cancel-after"] == "30m"
    assert sent.json()["webhook"] == "https://mill.example/hook"


def test_progress_is_read_off_the_log(server: ReplicateServer) -> None:
    provider = ReplicateProvider(Credentials("test-key", server.url))
    server.done_after = 3
    job = provider.submit(order("replicate/flux-dev"))
    told = [look(provider, job) for _ in range(3)]
    assert [one.progress for one in told] == [0.2, 0.4, 0.6]
    assert told[0].message.endswith("step 1")


def test_wrong_key_is_told_apart(server: ReplicateServer) -> None:
    with pytest.raises(ProviderError) as caught:
        ReplicateProvider(Credentials("another", server.url)).submit(order("replicate/flux-dev"))
    assert (caught.value.code, caught.value.permanent, caught.value.sent) == ("auth", True, False)


def test_the_secret_of_webhooks_is_asked_for_once(server: ReplicateServer) -> None:
    provider = ReplicateProvider(Credentials("test-key", server.url))
    job = server.accept(None, {"input": {}})  # type: ignore[arg-type]
    body, headers = server.webhook(job, at=time.time())
    assert [provider.verify_webhook(headers, body) for _ in range(2)] == [job.id, job.id]
    assert len(server.seen) == 1
    with pytest.raises(WebhookRefused, match="signature"):
        provider.verify_webhook(headers, body + b" ")
    with pytest.raises(WebhookRefused, match="could not be read"):
        ReplicateProvider(Credentials("another", server.url)).verify_webhook(headers, body)


@pytest.mark.parametrize("off", [-310, 310])
def test_webhook_of_another_time_is_refused(server: ReplicateServer, off: int) -> None:
    provider = ReplicateProvider(Credentials("test-key", server.url, SECRET))
    body, headers = server.webhook(server.accept(None, {"input": {}}), at=time.time() + off)  # type: ignore[arg-type]
    with pytest.raises(WebhookRefused, match="too old, or from the future"):
        provider.verify_webhook(headers, body)
