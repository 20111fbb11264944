"""ComfyUI's adapter against the recorded server: what it sends, what it makes of the answers, and every scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.generations.models import GenerationState
from apps.providers.base import Credentials, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.catalogue import model_get, params_complete
from apps.providers.comfyui import ComfyUIProvider, graph_read
from apps.workspaces.models import Workspace
from tests.vendors import cases
from tests.vendors.cases import Case
from tests.vendors.comfyui_server import ComfyServer
from tests.vendors.server import serving

IMAGE = "comfyui/text-to-image"
OWN = "comfyui/workflow-image"
STATE = GenerationState
# A lost answer is found again by our own id, and what the server never took ends for certain.
ENDS = {
    "cut": (STATE.SUCCEEDED, ""),
    "unreadable": (STATE.SUCCEEDED, ""),
    "500": (STATE.FAILED, "lost"),
    "cancel-pending": (STATE.CANCELLED, "cancelled"),
    "preview": (STATE.SUCCEEDED, ""),
    "cached": (STATE.SUCCEEDED, ""),
}
SCENARIOS = [
    "well", "cut", "unreadable", "429", "429-later", "500", "503", "look-500", "look-unreadable", "position-up",
    "expired-url", "gone-url", "fails", "refused", "cancel-before", "cancel-while", "cancel-pending", "cancel-after",
    "preview", "cached",
]  # fmt: skip
GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "%image%"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a photo of %prompt%, %negative_prompt%"}},
    "3": {"class_type": "KSampler", "inputs": {"seed": "%seed%", "positive": ["2", 0], "steps": 4}},
}


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    made = ComfyServer()
    with serving(made):
        yield made


@pytest.fixture
def comfy(server: ComfyServer) -> ComfyUIProvider:
    return ComfyUIProvider(Credentials(key="test-key", base_url=server.url))


def call(attempt: str = "attempt-1", model: str = IMAGE, **params: object) -> Submission:
    complete = params_complete(model, {"prompt": "a lighthouse", "seed": 7, **params})
    return Submission(model, complete, {}, attempt, call=model_get(model).call)


async def look(comfy: ComfyUIProvider, job: Job) -> Job:
    async with httpx.AsyncClient() as client:
        return await comfy.poll(client, job.provider_request_id, job.urls)


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_comfyui_scenario(
    scenario: str, server: ComfyServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = cases.run(Case(server, workspace, IMAGE, {"prompt": "a lighthouse"}, ends=ENDS), scenario, monkeypatch)
    if server.jobs:
        assert list(server.jobs) == [str(row.id)]
    if scenario == "refused":
        assert "Node 1 (EmptyImage): Value -5 smaller than min of 1 (width)" in row.error
    if scenario == "fails":
        assert "Node 2 (TestSyncError): Intentional sync execution error for testing" in row.error
        assert "/opt/comfy" not in row.error


@pytest.mark.django_db
def test_own_workflow_with_an_image(
    server: ComfyServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = cases.picture_input(workspace, tmp_path)
    params = {"prompt": 'the "sea"', "negative_prompt": "fog", "seed": 7, "workflow": json.dumps({"prompt": GRAPH})}
    cases.run(Case(server, workspace, OWN, params, {"image": image}), "well", monkeypatch)
    graph = server.submitted[0].json()["prompt"]
    assert graph["1"]["inputs"] == {"image": "t1/in.png"}
    assert graph["2"]["inputs"] == {"text": 'a photo of the "sea", fog'}
    assert graph["3"]["inputs"]["seed"] == 7
    assert cases.png() in server.uploads[0]


@pytest.mark.django_db
def test_own_workflow_of_a_video(server: ComfyServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    server.makes = cases.mp4()
    params = {"workflow": json.dumps(GRAPH)}
    row = cases.run(Case(server, workspace, "comfyui/workflow-video", params), "well", monkeypatch)
    assert row.outputs[0]["kind"] == "video"


async def test_one_name_from_the_cache_belongs_to_both_jobs(comfy: ComfyUIProvider, server: ComfyServer) -> None:
    first, second = comfy.submit(call("attempt-1")), comfy.submit(call("attempt-2"))
    for job in server.jobs.values():
        job.state = "done"
    one = await look(comfy, first)
    server.script = "cached"
    other = await look(comfy, second)
    assert (one.provider_request_id, other.provider_request_id) == ("attempt-1", "attempt-2")
    assert one.outputs == other.outputs
    assert one.outputs[0].filename == "rec_00001_.png"


async def test_the_queue_tells_how_many_are_ahead(comfy: ComfyUIProvider, server: ComfyServer) -> None:
    server.script = "position-up"
    job = comfy.submit(call())
    told = []
    for server.ahead in (1, 2, 0):
        told.append((await look(comfy, job)).message)
    assert told == ["1 job ahead", "2 jobs ahead", "Next in the queue"]


async def test_cancelling_stops_only_its_own(comfy: ComfyUIProvider, server: ComfyServer) -> None:
    mine, others = comfy.submit(call("mine")), comfy.submit(call("others"))
    for job in server.jobs.values():
        job.state = "running"
    comfy.cancel(mine.provider_request_id, {})
    server.script = "cancel-while"
    assert (await look(comfy, mine)).state == "cancelled"
    assert (await look(comfy, others)).state == "running"


def test_a_job_is_found_by_our_id_or_was_never_there(comfy: ComfyUIProvider, server: ComfyServer) -> None:
    assert comfy.find("attempt-1") is None
    comfy.submit(call())
    found = comfy.find("attempt-1")
    assert found
    assert found.state == "submitted"
    server.jobs["attempt-1"].state = "done"
    ended = comfy.find("attempt-1")
    assert ended
    assert ended.state == "succeeded"


@pytest.mark.parametrize(
    ("script", "said"),
    [("unknown-node", "Cannot execute because node Nope does not exist. (Node ID '#1')"), ("no-outputs", "Prompt has")],
)
def test_what_is_wrong_with_a_graph(comfy: ComfyUIProvider, server: ComfyServer, script: str, said: str) -> None:
    server.script = script
    with pytest.raises(ProviderError) as caught:
        comfy.submit(call())
    assert (caught.value.code, caught.value.permanent) == ("invalid", True)
    assert str(caught.value).startswith(said)


def test_what_is_no_graph_is_not_sent(comfy: ComfyUIProvider, server: ComfyServer) -> None:
    for text in ("", "{", "[]", '{"nodes": [], "links": []}'):
        with pytest.raises(ProviderError):
            comfy.submit(call(model=OWN, workflow=text))
    assert server.seen == []
    assert graph_read(json.dumps(GRAPH)) == GRAPH


def test_without_a_server_nothing_is_tried() -> None:
    with pytest.raises(ProviderError) as caught:
        ComfyUIProvider(Credentials()).submit(call())
    assert (caught.value.code, caught.value.sent) == ("refused", False)


def test_files_come_from_the_server_only(comfy: ComfyUIProvider, tmp_path: Path) -> None:
    with pytest.raises(ProviderError):
        comfy.fetch(Output("http://169.254.169.254/view?filename=a", "image/png", "a.png"), tmp_path / "a")


def test_comfyui_does_not_call(comfy: ComfyUIProvider) -> None:
    with pytest.raises(WebhookRefused):
        comfy.verify_webhook({}, b"{}")
