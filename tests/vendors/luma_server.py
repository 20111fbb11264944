"""Luma as luma-agents 0.5.0 describes it: requests by its parameter types, generations by its response type."""

from __future__ import annotations

import json
import re
from typing import Any

from luma_agents.types import Generation, GenerationCreateParams
from pydantic import ValidationError

from tests.vendors import typed
from tests.vendors.cases import mp4, png
from tests.vendors.server import Answer, ContractServer, Job, Refuse, Request, answer_json, route

CREATED = "2026-11-20T10:00:00Z"
KEY = "test-key"
FAILURES = {
    "fails": "generation_failed",
    "moderated": "content_moderated",
    "budget": "budget_exhausted",
    "corrupt": "corrupt_input",
}


class LumaServer(ContractServer):
    """There is no address for cancelling."""

    name = "luma"

    def refusal(self, status: int, message: str) -> Answer:
        return answer_json({"detail": message}, status)

    @route("POST", r"/v1/generations", submits=True)
    def create(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        body = request.json()
        try:
            typed.check(body, GenerationCreateParams)
        except typed.Misfit as misfit:
            raise Refuse(self.refusal(422, str(misfit))) from misfit
        if self.script == "refused":
            mistake = {"type": "string_too_long", "loc": ["body", "prompt"], "msg": "String is too long."}
            return answer_json({"detail": [mistake]}, 422)
        identity = f"0f7c6a52-4f6a-4d7e-9b1c-{len(self.jobs):012}"
        self.jobs[identity] = Job(identity, body)
        if self.script == "unreadable":
            return Answer(200, b'{"state": "queued"}')
        return self._said(self.jobs[identity])

    @route("GET", r"/v1/generations/([\w-]+)")
    def look(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        job = self.jobs.get(match[1])
        if job is None:
            raise Refuse(self.refusal(404, "Generation not found."))
        job.looks += 1
        if job.looks == 1 and self.script == "look-500":
            return self.refusal(500, "Internal server error.")
        if job.looks == 1 and self.script == "look-unreadable":
            return Answer(200, b"null")
        if job.looks > self.done_after:
            job.state = "done"
        return self._said(job)

    @route("GET", r"/results/(\d+)/(image|video)")
    def result(self, request: Request, match: re.Match[str]) -> Answer:
        assert "authorization" not in request.headers, "the key went to the store"
        if self.script == "gone-url" or (self.script == "expired-url" and int(match[1]) < 3):
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        return Answer(200, png() if match[2] == "image" else mp4(), "application/octet-stream")

    def _authorised(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise Refuse(self.refusal(401, "Invalid API key."))

    def _said(self, job: Job) -> Answer:
        asked = job.asked
        said: dict[str, Any] = {"id": job.id, "created_at": CREATED, "model": asked["model"], "type": asked["type"]}
        if job.state != "done":
            # A queue may take it back.
            said["state"] = "queued" if self.script == "position-up" or not job.looks else "processing"
        elif self.script in FAILURES:
            said |= {"state": "failed", "failure_code": FAILURES[self.script], "failure_reason": "It did not work out."}
        else:
            kind = "video" if asked["type"] == "video" else "image"
            url = f"{self.url}/results/{job.looks}/{kind}?X-Amz-Signature=secret"
            said |= {"state": "completed", "output": [{"type": kind, "url": url}]}
        try:
            Generation.model_validate_json(json.dumps(said), strict=True)
        except ValidationError as error:
            self.drifted.append(str(error))
        return answer_json(said)
