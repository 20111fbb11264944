"""Google as google-genai 3.3.0 describes it: its pydantic types refuse what is asked and check what is answered.

The types of generateContent forbid unknown members; those of interactions keep them, so here they are looked for.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from tests.vendors.cases import mp4, png
from tests.vendors.server import Answer, ContractServer, Job, Refuse, Request, answer_json, route

with warnings.catch_warnings():
    # The package has escapes of its own that Python warns about when it compiles them.
    warnings.simplefilter("ignore")
    from google.genai import types
    from google.genai._gaos.types.interactions import CreateModelInteraction, Interaction

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
KNOWN = {"contents", "generationConfig", "systemInstruction", "safetySettings", "tools"}
KEY = "test-key"


class GoogleServer(ContractServer):
    """Besides what every server knows: "blocked" (the prompt), "words" (no picture), "half" (a stream that stops)."""

    name = "google"

    def __init__(self) -> None:
        super().__init__()
        self.told = 0
        self.keys_elsewhere: list[str] = []

    def refusal(self, status: int, message: str) -> Answer:
        details: list[Any] = []
        if status == 429:
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
        error = {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN"), "details": details}
        return answer_json({"error": error}, status)

    @route("POST", r"/v1/models/([\w.-]+):generateContent", submits=True)
    def content(self, request: Request, match: re.Match[str]) -> Answer:
        body = self._content(request)
        assert "IMAGE" in body["generationConfig"]["responseModalities"]
        self.jobs[str(len(self.jobs))] = Job("", body, "done")
        if self.script == "unreadable":
            return Answer(200, b"<html>", "text/html")
        return self._said({**self._whole(), "responseId": "response-1", "modelVersion": match[1]})

    @route("POST", r"/v1/models/([\w.-]+):streamGenerateContent", submits=True)
    def stream(self, request: Request, match: re.Match[str]) -> Answer:
        assert request.query["alt"] == ["sse"]
        self.jobs[str(len(self.jobs))] = Job("", self._content(request), "done")
        return Answer(200, content_type="text/event-stream", parts=self._events())

    @route("POST", r"/v1/interactions", submits=True)
    def create(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        if self.script == "refused":
            raise Refuse(self.refusal(400, "duration must be 8s for 1080p."))
        try:
            asked = CreateModelInteraction.model_validate(request.json())
        except ValidationError as error:
            raise Refuse(self.refusal(400, str(error))) from error
        if strange := list(unknown(asked)):
            raise Refuse(self.refusal(400, f"unknown: {strange}"))
        identity = f"interaction-{len(self.jobs) + 1}"
        self.jobs[identity] = Job(identity, asked.model_dump())
        if self.script == "unreadable":
            return Answer(200, b"{", "application/json")
        return self._interaction(self.jobs[identity])

    @route("GET", r"/v1/interactions/([\w-]+)")
    def look(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        job = self.jobs.get(match[1])
        if job is None:
            raise Refuse(self.refusal(404, "Requested entity was not found."))
        job.looks += 1
        if job.looks == 1 and self.script == "look-500":
            return self.refusal(500, "An internal error has occurred.")
        if job.looks == 1 and self.script == "look-unreadable":
            return Answer(200, b"[]")
        if job.looks >= self.done_after and self.script != "cancel-while" and not job.cancelled:
            job.state = "done"
        return self._interaction(job)

    @route("POST", r"/v1/interactions/([\w-]+)/cancel")
    def stop_job(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        job = self.jobs[match[1]]
        if job.state == "done":
            return self.refusal(400, "The interaction is not running.")
        job.cancelled = True
        return self._interaction(job)

    @route("GET", r"/v1beta/files/([\w-]+):download")
    def download(self, request: Request, match: re.Match[str]) -> Answer:
        self._authorised(request)
        looks = max(job.looks for job in self.jobs.values())
        if self.script == "gone-url" or (self.script == "expired-url" and looks < 3):
            return self.refusal(404, "The file has expired.")
        return Answer(302, headers={"Location": f"{self.url.replace('127.0.0.1', 'localhost')}/elsewhere"})

    @route("GET", r"/elsewhere")
    def elsewhere(self, request: Request, match: re.Match[str]) -> Answer:
        self.keys_elsewhere += [value for value in request.headers.values() if KEY in value]
        return Answer(200, mp4(), "video/mp4")

    def _authorised(self, request: Request) -> None:
        if request.headers.get("x-goog-api-key") != KEY:
            raise Refuse(self.refusal(403, "Method doesn't allow unregistered callers."))

    def _content(self, request: Request) -> Any:
        self._authorised(request)
        if self.script == "refused":
            raise Refuse(self.refusal(400, "Unable to process input image."))
        body = request.json()
        try:
            assert set(body) <= KNOWN, set(body) - KNOWN
            for content in body["contents"]:
                types.Content.model_validate(content)
            types.GenerateContentConfig.model_validate(body["generationConfig"])
            if "systemInstruction" in body:
                types.Content.model_validate(body["systemInstruction"])
        except (AssertionError, ValidationError) as error:
            raise Refuse(self.refusal(400, str(error))) from error
        return body

    def _whole(self) -> dict[str, Any]:
        usage = {
            "promptTokenCount": 12,
            "candidatesTokenCount": 1125,
            "thoughtsTokenCount": 40,
            "totalTokenCount": 1177,
            "candidatesTokensDetails": [
                {"modality": "IMAGE", "tokenCount": 1120},
                {"modality": "TEXT", "tokenCount": 5},
            ],
        }
        if self.script == "blocked":
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 12}}
        if self.script in ("moderated", "fails"):
            reason = "IMAGE_SAFETY" if self.script == "moderated" else "MALFORMED_RESPONSE"
            return {"candidates": [{"finishReason": reason, "index": 0}]}
        parts: list[dict[str, Any]] = [{"text": "Here it is."}]
        if self.script != "words":
            picture = base64.b64encode(png()).decode()
            parts.append({"inlineData": {"mimeType": "image/png", "data": picture}})
        content = {"role": "model", "parts": parts}
        return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}

    def _events(self) -> Iterator[bytes]:
        words = ["A light", "house ", "at ", "dusk."] * (200 if self.script == "long" else 1)
        if self.script == "unreadable":
            yield b"data: {\r\n\r\n"
            return
        for word in words:
            content = {"role": "model", "parts": [{"text": word}]}
            self.told += 1
            yield self._event({"candidates": [{"content": content, "index": 0}], "responseId": "response-2"})
        if self.script == "half":
            return
        reason = "SAFETY" if self.script == "moderated" else "STOP"
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 20, "thoughtsTokenCount": 70, "totalTokenCount": 100}
        yield self._event({"candidates": [{"finishReason": reason, "index": 0}], "usageMetadata": usage})

    def _event(self, body: dict[str, Any]) -> bytes:
        return b"data: " + self._said(body).body + b"\r\n\r\n"

    def _said(self, body: dict[str, Any]) -> Answer:
        try:
            types.GenerateContentResponse.model_validate(body)
        except ValidationError as error:
            self.drifted.append(str(error))
        return answer_json(body)

    def _interaction(self, job: Job) -> Answer:
        body: dict[str, Any] = {"id": job.id, "object": "interaction", "model": job.asked["model"]}
        body |= {"created": "2026-11-20T10:00:00Z", "status": self._status(job), "steps": []}
        if body["status"] == "completed" and self.script != "moderated":
            uri = f"{self.url}/v1beta/files/film-{job.looks}:download?alt=media"
            content = [{"type": "video", "uri": uri, "mime_type": "video/mp4"}]
            body["steps"] = [{"type": "model_output", "content": content}]
        elif body["status"] == "completed":
            reasons = ["The video was withheld because of its audio."]
            body["steps"] = [{"type": "model_output", "content": [], "rai_media_filtered_reasons": reasons}]
        elif body["status"] == "failed":
            body["errors"] = [{"code": "internal", "message": "The model broke."}]
        try:
            Interaction.model_validate(json.loads(json.dumps(body)))
        except ValidationError as error:
            self.drifted.append(str(error))
        return answer_json(body)

    def _status(self, job: Job) -> str:
        if job.cancelled:
            return "cancelled"
        if job.state == "done":
            return "failed" if self.script == "fails" else "completed"
        return "in_progress" if job.looks else "queued"


def unknown(model: BaseModel) -> Iterator[str]:
    """The members that a type of interactions kept without knowing them."""
    yield from model.model_extra or {}
    for name in model.model_fields_set:
        value = getattr(model, name, None)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                yield from (f"{name}.{found}" for found in unknown(one))
