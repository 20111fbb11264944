"""Runway as runwayml 5.24.0 describes it: requests by its parameter types, tasks by its response types."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError
from runwayml.types import (
    ImageToVideoCreateParams,
    ImageToVideoCreateResponse,
    TaskRetrieveResponse,
    TextToImageCreateParams,
    TextToVideoCreateParams,
)

from tests.vendors import typed
from tests.vendors.cases import mp4, png
from tests.vendors.server import Answer, ContractServer, Job, Refuse, Request, answer_json, route

CREATED = "2026-11-20T10:00:00.000Z"
KEY = "test-key"
PARAMS = {
    "image_to_video": ImageToVideoCreateParams,
    "text_to_video": TextToVideoCreateParams,
    "text_to_image": TextToImageCreateParams,
}
TASK: TypeAdapter[Any] = TypeAdapter(TaskRetrieveResponse)
# What a task costs here; less than any price before.
CREDITS = 2


class RunwayServer(ContractServer):
    """Besides what every server knows: "throttled", "bad-asset"."""

    name = "runway"

    def refusal(self, status: int, message: str) -> Answer:
        return answer_json({"error": message, "docUrl": "https://docs.dev.runwayml.com/"}, status)

    @route("POST", r"/v1/(image_to_video|text_to_video|text_to_image)", submits=True)
    def create(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        body = request.json()
        try:
            typed.check(body, PARAMS[match[1]])
        except typed.Misfit as misfit:
            raise Refuse(self.refusal(400, str(misfit))) from misfit
        if self.script == "refused":
            issues = [{"code": "too_big", "path": ["promptText"], "message": "promptText is too long."}]
            return answer_json({"error": "Validation of body failed", "issues": issues}, 400)
        identity = f"17f20503-6c24-4c16-946b-35dbbce2af{len(self.jobs):02}"
        self.jobs[identity] = Job(identity, {"kind": match[1], **body})
        if self.script == "unreadable":
            return Answer(200, b"{}")
        said = {"id": identity, "estimatedCost": {"credits": 25}}
        self._hold(lambda: ImageToVideoCreateResponse.model_validate(said))
        return answer_json(said)

    @route("GET", r"/v1/tasks/([\w-]+)")
    def look(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        job = self._job(match[1])
        job.looks += 1
        if job.looks == 1 and self.script == "look-500":
            return self.refusal(500, "Something is wrong here.")
        if job.looks == 1 and self.script == "look-unreadable":
            return Answer(200, b'{"status": "PERHAPS"}')
        if job.looks > self.done_after and not job.cancelled and self.script != "cancel-while":
            job.state = "done"
        said = self._task(job)
        self._hold(lambda: TASK.validate_python(said))
        return answer_json(said)

    @route("DELETE", r"/v1/tasks/([\w-]+)")
    def delete(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        # Also what has ended: Runway deletes it, results and all.
        self._job(match[1]).cancelled = True
        return Answer(204)

    @route("GET", r"/results/([\w-]+)/(\d+)/output\.(png|mp4)")
    def result(self, request: Request, match: re.Match[str]) -> Answer:
        assert "authorization" not in request.headers, "the key went to the store"
        expired = self.script == "gone-url" or (self.script == "expired-url" and int(match[2]) < 3)
        if expired:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        return Answer(200, png() if match[3] == "png" else mp4(), "application/octet-stream")

    def _authorised(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise Refuse(self.refusal(401, "You did not provide a valid API key."))
        if request.headers.get("x-runway-version") != "2024-11-06":
            raise Refuse(self.refusal(400, "You must set the X-Runway-Version header."))

    def _job(self, identity: str) -> Job:
        if identity not in self.jobs:
            raise Refuse(self.refusal(404, "Task not found."))
        return self.jobs[identity]

    def _task(self, job: Job) -> dict[str, Any]:
        said: dict[str, Any] = {"id": job.id, "createdAt": CREATED}
        if job.cancelled:
            return {**said, "status": "CANCELLED", "cost": {"credits": 0}}
        if job.state != "done":
            waiting = "THROTTLED" if self.script in ("throttled", "position-up") and job.looks > 1 else "PENDING"
            progress = {"status": "RUNNING", "progress": 0.5} if self.script == "cancel-while" else {"status": waiting}
            return {**said, **progress, "estimatedCost": {"credits": 25}}
        code = {"fails": "INTERNAL.BAD_OUTPUT.CODE01", "moderated": "SAFETY.OUTPUT.VIDEO", "bad-asset": "ASSET.INVALID"}
        if self.script in code:
            failure = {"failure": "The task did not work out.", "failureCode": code[self.script]}
            return {**said, "status": "FAILED", "cost": {"credits": 0}, **failure}
        ending = "png" if job.asked["kind"] == "text_to_image" else "mp4"
        url = f"{self.url}/results/{job.id}/{job.looks}/output.{ending}?_jwt=secret"
        return {**said, "status": "SUCCEEDED", "output": [url], "cost": {"credits": CREDITS}}

    def _hold(self, validate: Any) -> None:
        try:
            validate()
        except ValidationError as error:
            self.drifted.append(str(error))
