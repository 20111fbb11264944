"""Black Forest Labs, by its API description of May 2026, of which this is the part that we use.

The vendor publishes it at api.bfl.ai/openapi.json; the states of a job are those of its schema and "Failed", which
others have met.
"""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs

from tests.assets import files
from tests.vendors.scenarios import PlayedServer
from tests.vendors.server import Answer, Refuse, Request, answer_json, route

TEXT = {"type": "string"}
SEED = {"type": ["integer", "null"]}
FORMAT = {"enum": ["jpeg", "png", "webp"]}
SIDE = {"type": "integer", "minimum": 64}


def _order(required: list[str], **members: Any) -> dict[str, Any]:
    known = {"prompt": TEXT, "seed": SEED, "output_format": FORMAT, "webhook_url": TEXT, "webhook_secret": TEXT}
    return {
        "type": "object",
        "required": required,
        "properties": {**known, **members},
        "additionalProperties": False,
    }


def _strictness(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": most}


_IMAGES = dict.fromkeys(("input_image", *(f"input_image_{number}" for number in range(2, 9))), TEXT)
_KLEIN = dict(list(_IMAGES.items())[:4])
_FLUX2 = {"width": SIDE, "height": SIDE, "safety_tolerance": _strictness(5)}
_FLUX1 = {"aspect_ratio": TEXT, "prompt_upsampling": {"type": "boolean"}, "safety_tolerance": _strictness(6)}
ORDERS = {
    "flux-2-pro": _order(["prompt"], **_FLUX2, **_IMAGES),
    "flux-2-max": _order(["prompt"], **_FLUX2, **_IMAGES),
    "flux-2-klein-9b": _order(["prompt"], **_FLUX2, **_KLEIN),
    "flux-kontext-pro": _order(["prompt"], **_FLUX1, input_image=TEXT),
    "flux-pro-1.1-ultra": _order([], **_FLUX1, raw={"type": "boolean"}, image_prompt=TEXT),
}
NUMBER = {"type": ["number", "null"]}
ACCEPTED = {
    "type": "object",
    "required": ["id", "polling_url"],
    "properties": {"id": TEXT, "polling_url": TEXT, "cost": NUMBER, "input_mp": NUMBER, "output_mp": NUMBER},
    "additionalProperties": False,
}
STATES = ["Task not found", "Pending", "Request Moderated", "Content Moderated", "Ready", "Error", "Failed"]
RESULT = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": TEXT,
        "status": {"enum": STATES},
        "result": {},
        "progress": NUMBER,
        "details": {"type": ["object", "null"]},
        "preview": {"type": ["object", "null"]},
    },
    "additionalProperties": False,
}
COST = 2.5
ENDED = {
    "fails": "Error",
    "breaks": "Failed",
    "moderated": "Content Moderated",
    "refused-by-policy": "Request Moderated",
}


class BflServer(PlayedServer):
    """Jobs are told about at a region's own address only."""

    name = "bfl"

    def refusal(self, status: int, message: str) -> Answer:
        """A sentence."""
        return answer_json({"detail": message}, status)

    @route("POST", r"/v1/(?P<path>[\w.-]+)", submits=True)
    def submit(self, request: Request, match: re.Match[str]) -> Answer:
        """An id, where to ask, and the cost."""
        self._allowed(request)
        if match["path"] not in ORDERS:
            raise Refuse(self.refusal(404, "Not Found"))
        asked = request.json()
        for error in jsonschema_rs.Draft202012Validator(ORDERS[match["path"]]).iter_errors(asked):
            detail = {"loc": ["body", *error.instance_path], "msg": error.message, "type": "value_error"}
            raise Refuse(answer_json({"detail": [detail]}, 422))
        if self.script == "credits":
            raise Refuse(self.refusal(402, "Insufficient credits."))
        job = self.accept(request, asked)
        if self.script == "unreadable-submit":
            return Answer(200, b"<html>", "text/html")
        said: dict[str, Any] = {"id": job.id, "polling_url": f"{self.url}/eu/get_result?id={job.id}"}
        if match["path"].startswith("flux-2"):
            said |= {"cost": COST, "input_mp": 0.0, "output_mp": 1.0}
        return self._checked(ACCEPTED, said)

    @route("GET", r"/eu/get_result")
    def result(self, request: Request, match: re.Match[str]) -> Answer:
        """How it is now."""
        self._allowed(request)
        identity = request.query["id"][0]
        if identity not in self.jobs or self.script == "gone":
            return self._checked(RESULT, {"id": identity, "status": "Task not found"})
        if found := self.fault():
            return found
        job = self.jobs[identity]
        if not self.is_done(job):
            return self._checked(RESULT, {"id": job.id, "status": "Pending", "progress": 0.2 * job.looks})
        status = ENDED.get(self.script, "Ready")
        said: dict[str, Any] = {"id": job.id, "status": status, "result": None, "details": None}
        if status == "Ready":
            kind = job.asked.get("output_format", "jpeg")
            said["result"] = {"sample": f"{self.url}/delivery/{job.id}.{kind}?se=soon", "seed": 7}
        elif status == "Content Moderated":
            said["details"] = {"Moderation Reasons": ["Derivative Works Filter"]}
        return self._checked(RESULT, said)

    @route("GET", r"/delivery/(?P<name>[\w.-]+)")
    def delivery(self, request: Request, match: re.Match[str]) -> Answer:
        """Another's store, for ten minutes, without a key."""
        assert "x-key" not in request.headers
        if self.script == "expired":
            return Answer(403, b"expired", "text/plain")
        return Answer(200, files.picture(kind="JPEG"), "image/jpeg")

    def _checked(self, schema: dict[str, Any], said: dict[str, Any]) -> Answer:
        self.drifted += [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(said)]
        return answer_json(said)

    def _allowed(self, request: Request) -> None:
        if request.headers.get("x-key") != "test-key":
            raise Refuse(self.refusal(403, "Not authenticated"))
