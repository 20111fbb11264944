"""Stability's v2beta, by its reference, of which this is the part that we use: forms in, pictures out."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import Any

import jsonschema_rs

from tests.assets import files
from tests.vendors.scenarios import PlayedServer
from tests.vendors.server import Answer, Job, Refuse, Request, answer_json, route

RATIO = {"enum": ["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"]}
FILE = {"const": "a file"}
PROMPT = {"type": "string", "minLength": 1, "maxLength": 10_000}
SEED = {"type": "string", "pattern": r"^\d{1,10}$"}
NUMBER = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
ANY_FORMAT = {"enum": ["jpeg", "png", "webp"]}
_WORDS = {"prompt": PROMPT, "negative_prompt": {"type": "string", "maxLength": 10_000}, "seed": SEED}


def _form(required: list[str], **members: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": members, "additionalProperties": False}


FORMS = {
    "generate/ultra": _form(["prompt"], **_WORDS, aspect_ratio=RATIO, output_format=ANY_FORMAT),
    "generate/core": _form(["prompt"], **_WORDS, aspect_ratio=RATIO, output_format=ANY_FORMAT),
    "generate/sd3": _form(
        ["prompt"],
        **_WORDS,
        aspect_ratio=RATIO,
        output_format={"enum": ["jpeg", "png"]},
        mode={"const": "text-to-image"},
        model={"enum": ["sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium"]},
        cfg_scale=NUMBER,
    ),
    "edit/inpaint": _form(
        ["prompt", "image"], **_WORDS, image=FILE, mask=FILE, grow_mask=NUMBER, output_format=ANY_FORMAT
    ),
    "upscale/fast": _form(["image"], image=FILE, output_format=ANY_FORMAT),
    "upscale/creative": _form(["prompt", "image"], **_WORDS, image=FILE, creativity=NUMBER, output_format=ANY_FORMAT),
}
LATER = {"upscale/creative"}
REFUSED = {
    "type": "object",
    "required": ["id", "name", "errors"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "errors": {"type": "array", "minItems": 1}},
    "additionalProperties": False,
}
NAMES = {400: "bad_request", 401: "unauthorized", 403: "content_moderation", 404: "not_found", 413: "payload_too_large"}


class StabilityServer(PlayedServer):
    """Answers with the picture, or with the id of a job where the endpoint takes long."""

    name = "stability"

    def refusal(self, status: int, message: str, name: str = "") -> Answer:
        """An id, a name, and sentences."""
        said = {"id": "f" * 32, "name": name or NAMES.get(status, "internal_error"), "errors": [message]}
        self.drifted += [error.message for error in jsonschema_rs.Draft202012Validator(REFUSED).iter_errors(said)]
        return answer_json(said, status)

    @route("POST", r"/v2beta/stable-image/(?P<path>[\w./-]+)", submits=True)
    def submit(self, request: Request, match: re.Match[str]) -> Answer:
        """A multipart form, always."""
        self._allowed(request)
        path = match["path"]
        if path not in FORMS:
            raise Refuse(self.refusal(404, "No such endpoint."))
        fields = _fields(request)
        for error in jsonschema_rs.Draft202012Validator(FORMS[path]).iter_errors(fields):
            raise Refuse(self.refusal(400, error.message))
        if self.script == "refused-by-policy":
            raise Refuse(self.refusal(403, "Your request was flagged by our content moderation system."))
        if self.script == "fails" and path not in LATER:
            raise Refuse(self.refusal(400, "The image could not be made."))
        job = self.accept(request, fields)
        if self.script == "unreadable-submit":
            return Answer(200, b"<html>", "text/html")
        if path in LATER:
            assert request.headers["accept"] == "application/json"
            return answer_json({"id": job.id})
        return self._picture(job)

    @route("GET", r"/v2beta/results/(?P<id>[\w-]+)")
    def result(self, request: Request, match: re.Match[str]) -> Answer:
        """202 until there is a picture."""
        self._allowed(request)
        if match["id"] not in self.jobs or self.script == "gone":
            raise Refuse(self.refusal(404, "The generation was not found.", "generation_not_found"))
        job = self.jobs[match["id"]]
        if found := self.fault():
            return found
        if self.script == "expired" and job.state == "told":
            raise Refuse(self.refusal(404, "The generation was not found.", "generation_not_found"))
        if not self.is_done(job):
            return answer_json({"id": job.id, "status": "in-progress"}, 202)
        if self.script == "refused-later":
            raise Refuse(self.refusal(403, "Your request was flagged by our content moderation system."))
        job.state = "told"
        return self._picture(job)

    def _picture(self, job: Job) -> Answer:
        kind = job.asked.get("output_format", "png")
        reason = "CONTENT_FILTERED" if self.script == "moderated" else "SUCCESS"
        headers = {"finish-reason": reason, "seed": "7", "x-request-id": job.id}
        return Answer(200, files.picture(kind=kind.upper()), f"image/{kind}", headers)

    def _allowed(self, request: Request) -> None:
        if request.headers.get("authorization") != "Bearer test-key":
            raise Refuse(self.refusal(401, "The API key is not valid."))


def _fields(request: Request) -> dict[str, str]:
    kind = request.headers["content-type"]
    assert kind.startswith("multipart/form-data"), kind
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    found: dict[str, str] = {}
    for part in message.get_payload():
        assert not isinstance(part, str)
        name = str(part.get_param("name", header="Content-Disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[name] = "a file" if part.get_filename() else content.decode()
    return found
