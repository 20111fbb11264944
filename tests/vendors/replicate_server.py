"""Replicate: predictions as they were recorded from the vendor, and states and events as its own schema names them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.assets import files
from tests.vendors.contracts import FOLDER
from tests.vendors.scenarios import PlayedServer
from tests.vendors.server import Answer, Job, Refuse, Request, answer_json, route

RECORDED = FOLDER / "replicate"
SECRET = "whsec_" + base64.b64encode(b"a secret of the test's own").decode()
KINDS: dict[type, str] = {str: "string", dict: "object", list: "array", bool: "boolean", float: "number", int: "number"}
AT = "2026-11-20T10:00:00.000Z"


def _bodies() -> Iterator[tuple[str, Any]]:
    """(address, answer) of everything recorded."""
    for file in sorted(RECORDED.glob("*.yaml")):
        for one in yaml.safe_load(file.read_text(encoding="utf-8"))["interactions"]:
            try:
                yield one["request"]["uri"], json.loads(one["response"]["content"])
            except (KeyError, ValueError, TypeError):
                continue


@cache
def contracts() -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON Schemas of an order and of a prediction, read off the recordings."""
    members: dict[str, set[str]] = {}
    always: set[str] | None = None
    states: set[str] = {"aborted"}
    events: set[str] = set()
    for _address, data in _bodies():
        if isinstance(data, dict) and "urls" in data and "status" in data:
            always = set(data) if always is None else always & set(data)
            for name, value in data.items():
                members.setdefault(name, set()).add(KINDS.get(type(value), "null"))
        text = json.dumps(data)
        for found in re.finditer(r'"(Status|WebhookEvent)": (\{[^{}]*\})', text):
            (states if found[1] == "Status" else events).update(json.loads(found[2])["enum"])
    # Members by whose kinds no recording can tell all that may be.
    members |= {name: set() for name in ("output", "error", "metrics", "data_removed", "webhook", "stream")}
    properties: dict[str, Any] = {name: {"type": sorted(kinds)} if kinds else {} for name, kinds in members.items()}
    properties["status"] = {"enum": sorted(states)}
    prediction = {
        "type": "object",
        "required": sorted(always or ()),
        "properties": properties,
        "additionalProperties": False,
    }
    order = {
        "type": "object",
        "required": ["input"],
        "properties": {
            "input": {"type": "object"},
            "version": {"type": "string"},
            "stream": {"type": "boolean"},
            "webhook": {"type": "string", "pattern": "^https://"},
            "webhook_events_filter": {"type": "array", "items": {"enum": sorted(events)}, "uniqueItems": True},
        },
        "additionalProperties": False,
    }
    return order, prediction


class ReplicateServer(PlayedServer):
    """Official models by their names, any other by version."""

    name = "replicate"

    def __init__(self) -> None:
        if not RECORDED.exists():
            pytest.skip("no recordings of Replicate: set CONTRACTS_DIR")
        super().__init__()
        self._order, self._prediction = (jsonschema_rs.Draft202012Validator(one) for one in contracts())

    def refusal(self, status: int, message: str) -> Answer:
        """As recorded: a title, a detail, and the status."""
        return answer_json({"title": "Refused", "detail": message, "status": status}, status)

    @route("POST", r"/v1/(?:models/(?P<model>[\w.-]+/[\w.-]+)/)?predictions", submits=True)
    def submit(self, request: Request, match: re.Match[str]) -> Answer:
        """201 and a prediction that is starting."""
        self._allowed(request)
        asked = request.json()
        for error in self._order.iter_errors(asked):
            raise Refuse(self.refusal(422, error.message))
        if not match["model"] and "version" not in asked:
            raise Refuse(self.refusal(422, "version is required"))
        if self.script == "refused-by-policy":
            raise Refuse(self.refusal(400, "NSFW prompt"))
        job = self.accept(request, {"model": match["model"], **asked})
        if self.script == "unreadable-submit":
            return Answer(201, b"<html>", "text/html")
        return self._said(job, "starting", 201)

    @route("GET", r"/v1/predictions/(?P<id>[\w-]+)")
    def get(self, request: Request, match: re.Match[str]) -> Answer:
        """How it is now."""
        self._allowed(request)
        job = self._job(match["id"])
        if found := self.fault():
            return found
        if job.cancelled:
            return self._said(job, "canceled")
        if not self.is_done(job):
            return self._said(job, "starting" if self.script == "queue-climbs" else "processing")
        return self._said(job, "failed" if self.script in ("fails", "moderated") else "succeeded")

    @route("POST", r"/v1/predictions/(?P<id>[\w-]+)/cancel")
    def cancel(self, request: Request, match: re.Match[str]) -> Answer:
        """200 also where it had ended."""
        self._allowed(request)
        job = self._job(match["id"])
        done = self.script != "never" and job.looks > self.done_after
        job.cancelled = not done
        return self._said(job, "succeeded" if done else "canceled")

    @route("GET", r"/v1/webhooks/default/secret")
    def secret(self, request: Request, match: re.Match[str]) -> Answer:
        """What webhooks are signed with."""
        self._allowed(request)
        return answer_json({"key": SECRET})

    @route("GET", r"/files/(?P<name>[\w.-]+)")
    def file(self, request: Request, match: re.Match[str]) -> Answer:
        """The file store needs no key."""
        assert "authorization" not in request.headers
        return Answer(404, b"", "text/plain") if self.script == "expired" else Answer(200, files.picture(), "image/png")

    def webhook(self, job: Job, *, at: float) -> tuple[bytes, Mapping[str, str]]:
        """Standard Webhooks; the body is the prediction."""
        body = json.dumps(self._data(job, "processing")).encode()
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        code = hmac.new(key, f"msg_1.{int(at)}.".encode() + body, hashlib.sha256).digest()
        signed = f"v1,{base64.b64encode(code).decode()}"
        return body, {"webhook-id": "msg_1", "webhook-timestamp": str(int(at)), "webhook-signature": signed}

    def _said(self, job: Job, status: str, code: int = 200) -> Answer:
        data = self._data(job, status)
        self.drifted += [error.message for error in self._prediction.iter_errors(data)]
        return answer_json(data, code)

    def _data(self, job: Job, status: str) -> dict[str, Any]:
        root = f"{self.url}/v1/predictions/{job.id}"
        data: dict[str, Any] = {
            "id": job.id,
            "model": job.asked.get("model") or "",
            "version": job.asked.get("version", "hidden"),
            "input": job.asked["input"],
            "logs": "" if status == "starting" else f"{20 * job.looks}%|####      | step {job.looks}\n",
            "error": None,
            "status": status,
            "created_at": AT,
            "urls": {"get": root, "cancel": f"{root}/cancel"},
        }
        if status == "failed":
            data["error"] = "NSFW content detected" if self.script == "moderated" else "CUDA out of memory"
        if status == "succeeded":
            data |= {"output": self._made(job), "metrics": {"predict_time": 1.5}, "started_at": AT, "completed_at": AT}
        return data

    def _made(self, job: Job) -> Any:
        if "gpt" in (job.asked["model"] or ""):
            return ["Once ", "upon ", "a time."]
        count = int(job.asked["input"].get("num_outputs", 0))
        url = f"{self.url}/files/{job.id}.png"
        return [url] * count if count else url

    def _allowed(self, request: Request) -> None:
        if request.headers.get("authorization") != "Bearer test-key":
            raise Refuse(answer_json({"title": "Unauthenticated", "detail": "Invalid token.", "status": 401}, 401))

    def _job(self, identity: str) -> Job:
        if identity not in self.jobs or self.script == "gone":
            raise Refuse(self.refusal(404, "The requested resource could not be found."))
        return self.jobs[identity]
