"""A vendor of a few lines over real HTTP, whose jobs stand still until the test moves them.

The sandbox behaves like a vendor in time; this one holds each moment of a job's life open, so that a test can look
at it and break it there. The adapter speaks to it as the shipped ones speak to theirs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from PIL import Image

from apps.providers.base import Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.prices import CREDIT, CREDITS_PER_USD


def png(width: int = 32, height: int = 24, colour: str = "teal") -> bytes:
    """A real picture."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, "PNG")
    return stream.getvalue()


class Vendor:
    """The server: ``submissions`` is its own log, ``jobs`` what it works on, ``fault`` how it treats the next POST."""

    def __init__(self) -> None:
        self.submissions: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.cancels: list[str] = []
        self.files: dict[str, bytes] = {"out.png": png()}
        self.fault = ""
        self.retry_after: float | None = None
        self.cancel_works = True
        self.polls = 0
        vendor = self

        class Handler(_Handler):
            owner = vendor

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Close the port."""
        self.server.shutdown()
        self.server.server_close()

    def accept(self, body: dict[str, Any]) -> dict[str, Any]:
        """Put a job into the queue."""
        self.submissions.append(body)
        job = {"id": f"job-{len(self.submissions)}", "attempt": body["attempt"], "state": "submitted", "outputs": []}
        self.jobs[job["id"]] = job
        return job

    def only_job(self) -> dict[str, Any]:
        """The job, when there is exactly one."""
        (job,) = self.jobs.values()
        return job

    def finish(self, *names: str, cost: int | None = 1_500_000) -> None:
        """The only job is done with these files."""
        self.only_job().update(state="succeeded", outputs=list(names or ("out.png",)), cost=cost)


class _Handler(BaseHTTPRequestHandler):
    owner: Vendor

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.owner.fault
        if fault == "refuse":
            return self._answer(422, {"detail": "the prompt is too long"})
        if fault == "busy":
            return self._answer(429, {"detail": "slow down", "retry_after": self.owner.retry_after})
        if fault == "lost-before":
            self.connection.close()
            return None
        job = self.owner.accept(body)
        if fault == "lost":
            self.connection.close()
            return None
        return self._answer(202, job)

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "files":
            data = self.owner.files.get(name)
            return self._answer(200, data) if data else self._answer(404, {})
        self.owner.polls += 1
        if kind == "attempts":
            found = [job for job in self.owner.jobs.values() if job["attempt"] == name]
            return self._answer(200, found[0]) if found else self._answer(404, {})
        job = self.owner.jobs.get(name)
        return self._answer(200, job) if job else self._answer(404, {})

    def do_DELETE(self) -> None:
        name = self.path.rpartition("/")[2]
        self.owner.cancels.append(name)
        job = self.owner.jobs[name]
        if self.owner.cancel_works and job["state"] in ("submitted", "running"):
            job["state"] = "cancelled"
        return self._answer(202, job)


class VendorAdapter:
    """The adapter of :class:`Vendor`."""

    name = "sandbox"
    lookup_complete = False

    def __init__(self, url: str) -> None:
        self.url = url

    def submit(self, submission: Submission) -> Job:
        """One POST, no retries."""
        body = {
            "attempt": submission.attempt_id,
            "model": submission.model,
            "params": dict(submission.params),
            "inputs": dict(submission.inputs),
            "webhook": submission.webhook_url,
        }
        try:
            response = httpx.post(f"{self.url}/jobs", json=body, timeout=5)
        except httpx.ConnectError as error:
            raise ProviderError("unavailable", "no connection", permanent=False, sent=False) from error
        except httpx.HTTPError as error:
            raise ProviderError("lost", "the connection broke", permanent=False, sent=True) from error
        if response.status_code == 429:
            raise ProviderError("rate_limited", "slow down", retry_after_s=response.json()["retry_after"])
        if response.status_code == 422:
            raise ProviderError("refused", response.json()["detail"], permanent=True, sent=False)
        return self._job(response)

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """One look."""
        try:
            return self._job(await client.get(f"{self.url}/jobs/{provider_request_id}"))
        except httpx.HTTPError as error:
            raise ProviderError("unavailable", str(error), permanent=False, sent=False) from error

    def find(self, attempt_id: str) -> Job | None:
        """By our own reference."""
        response = httpx.get(f"{self.url}/attempts/{attempt_id}")
        return None if response.status_code == 404 else self._job(response)

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Ask to stop."""
        try:
            httpx.delete(f"{self.url}/jobs/{provider_request_id}")
        except httpx.HTTPError as error:
            raise ProviderError("unavailable", str(error), permanent=False, sent=False) from error

    def fetch(self, output: Output, to: Path) -> None:
        """Download."""
        response = httpx.get(output.url)
        if response.status_code != 200:
            raise ProviderError("unavailable", "no file", permanent=False, sent=True)
        to.write_bytes(response.content)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """The provider's own signature, here a word."""
        if headers.get("Vendor-Signature") != "genuine":
            raise WebhookRefused("bad signature")
        return str(json.loads(body)["id"])

    def _job(self, response: httpx.Response) -> Job:
        if response.status_code == 404:
            raise ProviderError("not_found", "no such job", permanent=True, sent=True)
        body = response.json()
        error = None
        if body["state"] == "failed":
            code = body.get("code", "failed")
            error = ProviderError(code, body.get("message", ""), permanent=code == "content_policy", sent=True)
        return Job(
            provider_request_id=body["id"],
            state=body["state"],
            progress=body.get("progress"),
            message=body.get("message", ""),
            outputs=tuple(Output(f"{self.url}/files/{name}", "image/png", name) for name in body["outputs"]),
            error=error,
            poll_after_s=0.0,
            usage={"usd": body["cost"] / CREDIT / CREDITS_PER_USD} if body.get("cost") is not None else {},
            urls={},
        )
