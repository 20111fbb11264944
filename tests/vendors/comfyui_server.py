"""ComfyUI by replay: every answer is one that the real server 0.3.64 gave, with our job's id in place of its own.

The recording lies with the contracts (``CONTRACTS_DIR``), not in this repository.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from tests.vendors.cases import mp4, png
from tests.vendors.contracts import FOLDER
from tests.vendors.server import Answer, ContractServer, Job, Request, answer_json, route

RECORDING = FOLDER / "comfyui-0.3.64-transcript.jsonl"
# What a POST to the queue may have: all that was sent when the recording was made.
MEMBERS = {"prompt", "client_id", "extra_data", "prompt_id"}
# By script: the exchange that tells the end of a job, and the one that refuses a graph.
ENDS = {"fails": "runtime error", "preview": "use upload", "cached": "cached"}
REFUSALS = {"refused": "value too small", "unknown-node": "unknown node", "no-outputs": "no outputs"}
PENDING = ("cancel-pending", "position-up")


@cache
def recorded() -> list[dict[str, Any]]:
    """The HTTP exchanges; skips the test where the recording is not there."""
    if not RECORDING.exists():
        pytest.skip(f"there is no recording of ComfyUI at {RECORDING}")
    lines = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["kind"] == "http"]


def exchange(scenario: str, method: str, path: str) -> dict[str, Any]:
    """The first recorded answer of a scenario for an address."""
    found = next(
        one
        for one in recorded()
        if (one["scenario"], one["request"]["method"]) == (scenario, method) and one["request"]["path"].startswith(path)
    )
    answer: dict[str, Any] = found["response"]
    return answer


def replay(scenario: str, method: str, path: str, **renamed: str) -> Answer:
    """A recorded answer, with texts replaced."""
    said = exchange(scenario, method, path)
    body = said["body"]
    if body == "":
        return Answer(said["status"])
    text = json.dumps(body)
    for old, new in renamed.items():
        text = text.replace(old, new)
    return Answer(said["status"], text.encode())


class ComfyServer(ContractServer):
    """A job is "queued", then "running", then "done"."""

    name = "comfyui"

    def __init__(self) -> None:
        recorded()
        super().__init__()
        self.uploads: list[bytes] = []
        self.ahead = 1
        self.makes = png()

    def refusal(self, status: int, message: str) -> Answer:
        return Answer(status, message.encode(), "text/plain")

    @route("POST", r"/prompt", submits=True)
    def prompt(self, request: Request, match: re.Match[str]) -> Answer:
        body = request.json()
        assert set(body) <= MEMBERS, set(body)
        if self.script in REFUSALS:
            return replay(REFUSALS[self.script], "POST", "/prompt")
        identity = body["prompt_id"]
        # The real server runs it again; that must never be asked of it.
        assert identity not in self.jobs, "one prompt_id twice"
        self.jobs[identity] = Job(identity, body["prompt"])
        if self.script == "unreadable":
            return Answer(200, b"<html>", "text/html")
        return answer_json({**exchange("own prompt_id", "POST", "/prompt")["body"], "prompt_id": identity})

    @route("GET", r"/history/([\w-]+)")
    def history(self, request: Request, match: re.Match[str]) -> Answer:
        job = self.jobs.get(match[1])
        if job is not None:
            job.looks += 1
            if job.looks == 1 and self.script == "look-500":
                return self.refusal(500, "500 Internal Server Error")
            if job.looks == 1 and self.script == "look-unreadable":
                return Answer(200, b"[1]")
            self._go_on(job)
        if job is None or job.state in ("queued", "running", "deleted"):
            return replay("deleted prompt history", "GET", "/history")
        scenario = "interrupt running" if job.state == "interrupted" else ENDS.get(self.script, "success")
        (old,) = exchange(scenario, "GET", "/history")["body"]
        name = "film_00001.mp4" if self.makes == mp4() else "rec_00001_.png"
        return replay(scenario, "GET", "/history", **{old: job.id, "rec_00001_.png": name})

    @route("GET", r"/queue")
    def queue(self, request: Request, match: re.Match[str]) -> Answer:
        body = json.loads(json.dumps(exchange("queue+interrupt", "GET", "/queue")["body"]))
        entry = body["queue_pending"].pop()
        running = [job.id for job in self.jobs.values() if job.state == "running"]
        pending = [job.id for job in self.jobs.values() if job.state == "queued"]
        others = (body["queue_running"] + body["queue_pending"])[: self.ahead]
        body["queue_running"] = [[entry[0], one, *entry[2:]] for one in running] or others[:1]
        body["queue_pending"] = others[1:] + [[entry[0] + 1, one, *entry[2:]] for one in pending]
        return answer_json(body)

    @route("POST", r"/queue")
    def delete(self, request: Request, match: re.Match[str]) -> Answer:
        for identity in request.json()["delete"]:
            if identity in self.jobs and self.jobs[identity].state == "queued":
                self.jobs[identity].state = "deleted"
        return replay("delete unknown", "POST", "/queue")

    @route("POST", r"/interrupt")
    def interrupt(self, request: Request, match: re.Match[str]) -> Answer:
        # Without an id it would stop whatever runs, also somebody else's.
        job = self.jobs.get(request.json()["prompt_id"])
        if job is not None and job.state == "running":
            job.state = "interrupted"
        return replay("interrupt running", "POST", "/interrupt")

    @route("GET", r"/view")
    def view(self, request: Request, match: re.Match[str]) -> Answer:
        looks = max(job.looks for job in self.jobs.values())
        assert set(request.query) <= {"filename", "subfolder", "type"}
        if self.script == "gone-url" or (self.script == "expired-url" and looks < 4):
            return replay("view missing", "GET", "/view")
        return Answer(200, self.makes, "image/png")

    @route("POST", r"/upload/image")
    def upload(self, request: Request, match: re.Match[str]) -> Answer:
        self.uploads.append(request.body)
        return replay("upload", "POST", "/upload/image")

    def _go_on(self, job: Job) -> None:
        if job.state == "queued" and self.script not in PENDING and job.looks > 1:
            job.state = "running"
        if self.script == "position-up" and job.looks > 4:
            job.state = "done"
        if job.state == "running" and self.script != "cancel-while" and job.looks > self.done_after:
            job.state = "done"
