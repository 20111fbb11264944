"""The adapter against the vendor over real HTTP, with its workers and its beat: every fault a vendor may show."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from apps.providers.base import Credentials, Job, Output, ProviderError, Submission
from apps.providers.sandbox import SandboxProvider
from apps.sandbox.models import Job as Row
from apps.sandbox.models import JobOutput
from apps.sandbox.models import Submission as SubmissionRow
from tests.live_stack import LiveStack
from tests.sandbox.orders import order

SMALL = {"prompt": "a small hill", "seed": 7, "width": 256, "height": 256}


@pytest.fixture
def provider(live_stack: LiveStack) -> SandboxProvider:
    return SandboxProvider(Credentials(settings.SANDBOX_KEY, live_stack.base_url))


def _submission(model: str = "sandbox/image", **changes: Any) -> Submission:
    inputs, webhook_url = changes.pop("inputs", {}), changes.pop("webhook_url", None)
    params = order(model=model, **changes)["params"]
    return Submission(model=model, params=params, inputs=inputs, attempt_id=str(uuid4()), webhook_url=webhook_url)


async def _until(provider: SandboxProvider, job: Job, done: Callable[[Job], bool], timeout_s: float = 90) -> list[Job]:
    """Everything the polls said until ``done``."""
    seen, deadline = [job], time.monotonic() + timeout_s
    async with httpx.AsyncClient() as client:
        while not done(seen[-1]):
            assert time.monotonic() < deadline, seen[-1]
            await asyncio.sleep(0.1)
            seen.append(await provider.poll(client, job.provider_request_id, job.urls))
    return seen


def _ended(job: Job) -> bool:
    return job.state in {"succeeded", "failed", "cancelled"}


async def _end(provider: SandboxProvider, job: Job) -> Job:
    return (await _until(provider, job, _ended))[-1]


def _logged(submission: Submission) -> list[SubmissionRow]:
    return list(SubmissionRow.objects.filter(client_reference=submission.attempt_id))


def _in_loop(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_image_from_submit_to_bytes(provider: SandboxProvider, tmp_path: Path) -> None:
    submission = _submission()
    job = provider.submit(submission)
    assert job.state == "submitted"
    assert job.message == "Next in the queue"
    ended = _in_loop(_end(provider, job))
    assert (ended.state, ended.progress, ended.error) == ("succeeded", 1.0, None)
    (output,) = ended.outputs
    assert (output.content_type, output.filename) == ("image/png", "image.png")
    provider.fetch(output, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    (row,) = _logged(submission)
    assert (row.accepted, row.status) == (True, 201)


def test_video_reports_progress_and_takes_an_image(provider: SandboxProvider, tmp_path: Path) -> None:
    image = _in_loop(_end(provider, provider.submit(_submission()))).outputs[0]
    inputs = {"image": {"$asset": "not the vendor's business", "url": image.url, "content_type": "image/png"}}
    job = provider.submit(_submission("sandbox/video", seconds=3, inputs=inputs))
    seen = _in_loop(_until(provider, job, _ended))
    progress = [found.progress for found in seen if found.progress is not None]
    assert seen[-1].state == "succeeded"
    assert progress == sorted(progress)
    assert len(set(progress)) > 3
    assert set(Row.objects.get(id=job.provider_request_id).inputs["image"]) == {"url", "content_type"}
    provider.fetch(seen[-1].outputs[0], tmp_path / "x.mp4")
    assert (tmp_path / "x.mp4").read_bytes()[4:8] == b"ftyp"


def test_refused_is_definite(provider: SandboxProvider) -> None:
    for submission, code in [
        (_submission(fail="refuse"), "refused"),
        (_submission(colour="red"), "invalid"),
        (replace(_submission(), model="sandbox/hologram"), "not_found"),
    ]:
        with pytest.raises(ProviderError) as error:
            provider.submit(submission)
        assert (error.value.code, error.value.permanent, error.value.sent) == (code, True, False)
        (row,) = _logged(submission)
        assert not row.accepted
    with pytest.raises(ProviderError) as error:
        SandboxProvider(Credentials("wrong", provider._root.removesuffix("/sandbox/v1"))).submit(_submission())
    assert (error.value.code, error.value.permanent, error.value.sent) == ("auth", True, False)


@pytest.mark.parametrize(
    ("fault", "code", "permanent"), [("error", "failed", False), ("moderated", "content_policy", True)]
)
def test_fault_while_running(provider: SandboxProvider, fault: str, code: str, permanent: bool) -> None:
    ended = _in_loop(_end(provider, provider.submit(_submission(fail=fault))))
    assert ended.state == "failed"
    assert ended.error is not None
    assert (ended.error.code, ended.error.permanent) == (code, permanent)
    assert ended.outputs == ()


def test_lost_answer_leaves_one_row_and_can_be_found(provider: SandboxProvider) -> None:
    submission = _submission(fail="lost")
    with pytest.raises(ProviderError) as error:
        provider.submit(submission)
    assert (error.value.code, error.value.permanent, error.value.sent) == ("lost", False, True)
    assert isinstance(error.value.__cause__, httpx.RemoteProtocolError | httpx.ReadError), error.value.__cause__
    (row,) = _logged(submission)
    assert (row.accepted, row.answered) == (True, False)
    found = provider.find(submission.attempt_id)
    assert found is not None
    assert found.provider_request_id == str(row.job_id)
    assert _in_loop(_end(provider, found)).state == "succeeded"
    assert provider.find(str(uuid4())) is None


def test_latency_waits_without_a_worker(provider: SandboxProvider) -> None:
    waiting = [provider.submit(_submission(latency_s=300)) for _ in range(12)]
    assert _in_loop(_end(provider, provider.submit(_submission()))).state == "succeeded"  # it overtook those who wait
    rows = Row.objects.filter(id__in=[job.provider_request_id for job in waiting])
    assert rows.filter(state="queued").count() == 12
    short = provider.submit(_submission(latency_s=2))
    assert _in_loop(_end(provider, short)).state == "succeeded"
    ended = Row.objects.get(id=short.provider_request_id)
    assert ended.started_at is not None
    assert (ended.started_at - ended.created_at).total_seconds() >= 2
    assert rows.filter(state="queued").count() == 12


def test_cancel_while_queued_and_while_running(provider: SandboxProvider) -> None:
    queued = provider.submit(_submission(latency_s=600))
    provider.cancel(queued.provider_request_id, queued.urls)
    assert _in_loop(_end(provider, queued)).state == "cancelled"

    running = provider.submit(_submission("sandbox/video", seconds=10, width=1280, height=720))
    _in_loop(_until(provider, running, lambda job: (job.progress or 0) > 0))
    provider.cancel(running.provider_request_id, running.urls)
    provider.cancel(running.provider_request_id, running.urls)  # a second one changes nothing
    assert _in_loop(_end(provider, running)).state == "cancelled"
    done = _in_loop(_end(provider, provider.submit(_submission())))
    provider.cancel(done.provider_request_id, done.urls)
    assert _in_loop(_end(provider, done)).state == "succeeded"


def test_killed_renderer_is_replaced(provider: SandboxProvider, live_stack: LiveStack, tmp_path: Path) -> None:
    job = provider.submit(_submission("sandbox/video", seconds=4))
    _in_loop(_until(provider, job, lambda found: (found.progress or 0) > 0.1))
    dead = live_stack.pid("work")
    live_stack.kill("work")
    live_stack.await_part("work", not_pid=dead)
    seen = _in_loop(_until(provider, job, _ended))
    assert seen[-1].state == "succeeded"
    assert Row.objects.get(id=job.provider_request_id).fence >= 2
    twin = _in_loop(_end(provider, provider.submit(_submission("sandbox/video", seconds=4))))
    contents = []
    for output in (seen[-1].outputs[0], twin.outputs[0]):
        provider.fetch(output, tmp_path / "x")
        contents.append((tmp_path / "x").read_bytes())
    assert contents[0] == contents[1]


def test_files_expire_and_cannot_be_guessed(provider: SandboxProvider, tmp_path: Path) -> None:
    ended = _in_loop(_end(provider, provider.submit(_submission())))
    output = ended.outputs[0]
    assert len(output.url.split("/")[-2]) >= 43
    JobOutput.objects.filter(job_id=ended.provider_request_id).update(expires_at=timezone.now())
    for url in (output.url, output.url.replace("/files/", "/files/x")):
        with pytest.raises(ProviderError) as error:
            provider.fetch(replace(output, url=url), tmp_path / "x")
        assert (error.value.code, error.value.permanent) == ("not_found", True)


def test_oversized_file_is_not_taken(
    provider: SandboxProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = _in_loop(_end(provider, provider.submit(_submission())))
    monkeypatch.setattr("apps.providers.sandbox.FETCH_MAX_BYTES", 1000)
    with pytest.raises(ProviderError, match="too large"):
        provider.fetch(ended.outputs[0], tmp_path / "x")
    assert (tmp_path / "x").stat().st_size <= 1000


def test_webhook_arrives_signed_and_is_retried(provider: SandboxProvider) -> None:
    with _receiver(answers=[500, 200]) as (address, received):
        job = provider.submit(_submission(webhook_url=f"{address}/hook"))
        deadline = time.monotonic() + 30
        while len(received) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(received) == 2
    for headers, body in received:
        assert provider.verify_webhook(headers, body) == job.provider_request_id
    assert received[0][1] == received[1][1]
    assert received[0][0]["webhook-id"] == received[1][0]["webhook-id"]


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nobody = SandboxProvider(Credentials("key", f"http://127.0.0.1:{port}"))
    with pytest.raises(ProviderError) as error:
        nobody.submit(_submission())
    assert (error.value.code, error.value.permanent, error.value.sent) == ("unavailable", False, False)
    asks: list[Callable[[], object]] = [
        lambda: nobody.find("x"),
        lambda: nobody.cancel("x", {}),
        lambda: nobody.fetch(_output(port), Path("/dev/null")),
    ]
    for ask in asks:
        with pytest.raises(ProviderError) as error:
            ask()
        assert (error.value.code, error.value.permanent) == ("unavailable", False)


@pytest.mark.parametrize(
    ("status", "body", "code", "permanent", "sent"),
    [
        (500, b"", "lost", False, True),
        (503, b"busy", "lost", False, True),
        (201, b"<html>", "lost", False, True),
        (201, b'{"id": 1}', "lost", False, True),
        (302, b"", "lost", False, True),
        (429, b'{"error": {"code": "rate_limited", "message": "Later."}}', "rate_limited", False, False),
        (429, b"", "rate_limited", False, False),
        (400, b"what", "invalid", True, False),
        (403, b"", "auth", True, False),
        (418, b"", "refused", True, False),
        (422, b'{"error": {"code": "content_policy", "message": "No."}}', "content_policy", True, False),
    ],
)
def test_every_kind_of_answer(status: int, body: bytes, code: str, permanent: bool, sent: bool) -> None:
    with _receiver(answers=[status], body=body) as (address, received), pytest.raises(ProviderError) as error:
        SandboxProvider(Credentials("key", address)).submit(_submission())
    assert (error.value.code, error.value.permanent, error.value.sent) == (code, permanent, sent)
    assert len(received) == 1  # asked once, whatever came back


def test_silent_vendor_is_a_lost_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.providers.sandbox.TIMEOUT", httpx.Timeout(0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ProviderError) as error:
        SandboxProvider(Credentials("key", f"http://127.0.0.1:{silent.getsockname()[1]}")).submit(_submission())
    assert (error.value.code, error.value.sent) == ("lost", True)


def _output(port: int) -> Output:
    return Output(f"http://127.0.0.1:{port}/x", "image/png", "x.png")


@contextmanager
def _receiver(answers: list[int], body: bytes = b"") -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A small HTTP server that keeps what it is sent and answers as it is told."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.append((headers, content))
            self.send_response(answers[min(len(received), len(answers)) - 1])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
