"""fal's queue: inputs and results by the types of its own client, the queue's answers by its documentation."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.assets import files
from tests.vendors.contracts import FOLDER
from tests.vendors.dts import endpoints
from tests.vendors.scenarios import PlayedServer
from tests.vendors.server import Answer, Job, Refuse, Request, answer_json, route

TYPES = FOLDER / "fal-endpoints-1.10.1.d.ts"
USER = "user-of-the-test"


class FalServer(PlayedServer):
    """Status and result lie under the owner's name and the first part of the endpoint's, as at the vendor."""

    name = "fal"

    def __init__(self) -> None:
        if not TYPES.exists():
            pytest.skip(f"{TYPES.name} is not there: set CONTRACTS_DIR")
        super().__init__()
        self._endpoints = endpoints(TYPES)
        self.key = Ed25519PrivateKey.generate()

    def refusal(self, status: int, message: str) -> Answer:
        """Infrastructure's errors are a sentence and a type."""
        return answer_json({"detail": message, "error_type": "internal_error"}, status)

    @route("GET", r"/\.well-known/jwks\.json")
    def keys(self, request: Request, match: re.Match[str]) -> Answer:
        """The public keys of webhooks."""
        public = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return answer_json({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "one", "x": public}]})

    @route("POST", r"/(?P<app>[\w.-]+/[\w./-]+)", submits=True)
    def submit(self, request: Request, match: re.Match[str]) -> Answer:
        """Validated at once here; the vendor lets a worker do that."""
        self._allowed(request)
        app = match["app"]
        if app not in self._endpoints:
            raise Refuse(answer_json({"detail": f"Application '{app}' not found"}, 404))
        asked = request.json()
        for error in jsonschema_rs.Draft202012Validator(self._endpoints.input(app)).iter_errors(asked):
            detail = {"loc": ["body", *error.instance_path], "msg": error.message, "type": "value_error"}
            raise Refuse(answer_json({"detail": [detail]}, 422))
        if self.script == "unreadable-submit":
            self.accept(request, {"app": app, **asked})
            return Answer(200, b"<html>", "text/html")
        job = self.accept(request, {"app": app, **asked})
        root = self._root(job)
        urls = {"response_url": root, "status_url": f"{root}/status", "cancel_url": f"{root}/cancel"}
        return answer_json({"request_id": job.id, "status": "IN_QUEUE", "queue_position": 1, **urls})

    @route("GET", r"/(?P<owner>[\w.-]+/[\w.-]+)/requests/(?P<id>[\w-]+)/status")
    def status(self, request: Request, match: re.Match[str]) -> Answer:
        """IN_QUEUE, IN_PROGRESS, COMPLETED."""
        self._allowed(request)
        job = self._job(match["id"])
        if found := self.fault():
            return found
        root = self._root(job)
        said = {"request_id": job.id, "response_url": root}
        if job.cancelled:
            said |= {"error": "Request was cancelled.", "error_type": "client_cancelled"}
            return answer_json({"status": "COMPLETED", **said})
        if self.is_done(job):
            broken = {"error": "Model failed", "error_type": "runner_server_error"} if self.script == "fails" else {}
            return answer_json({"status": "COMPLETED", "metrics": {"inference_time": 1.5}, **said, **broken})
        if self.script == "queue-climbs":
            return answer_json({"status": "IN_QUEUE", "queue_position": job.looks, **said})
        logs = [{"message": f"step {job.looks}", "level": "INFO", "timestamp": "2026-11-20T10:00:00Z"}]
        return answer_json({"status": "IN_PROGRESS", "logs": logs, **said})

    @route("GET", r"/(?P<owner>[\w.-]+/[\w.-]+)/requests/(?P<id>[\w-]+)")
    def result(self, request: Request, match: re.Match[str]) -> Answer:
        """What the endpoint made, or how it failed."""
        self._allowed(request)
        job = self._job(match["id"])
        if self.script == "fails":
            broken = {"detail": "Model failed", "error_type": "runner_server_error"}
            return answer_json(broken, 500, **{"X-Fal-Error-Type": "runner_server_error"})
        if self.script == "refused-by-model":
            said = {"loc": ["body", "prompt"], "msg": "The content was flagged.", "type": "content_policy_violation"}
            return answer_json(
                {"detail": [{**said, "url": "https://docs.fal.ai/errors#content_policy_violation"}]}, 422
            )
        made = self._made(job)
        for error in jsonschema_rs.Draft202012Validator(self._endpoints.output(job.asked["app"])).iter_errors(made):
            self.drifted.append(f"{job.asked['app']}: {error.message}")
        return answer_json(made)

    @route("PUT", r"/(?P<owner>[\w.-]+/[\w.-]+)/requests/(?P<id>[\w-]+)/cancel")
    def cancel(self, request: Request, match: re.Match[str]) -> Answer:
        """Too late once it is done."""
        self._allowed(request)
        job = self._job(match["id"])
        if self.script != "never" and job.looks > self.done_after:
            return answer_json({"status": "ALREADY_COMPLETED"}, 400)
        job.cancelled = True
        return answer_json({"status": "CANCELLATION_REQUESTED"}, 202)

    @route("GET", r"/files/(?P<name>[\w.-]+)")
    def file(self, request: Request, match: re.Match[str]) -> Answer:
        """The file store needs no key, and must not be sent one."""
        assert "authorization" not in request.headers
        if self.script == "expired":
            return Answer(404, b"gone", "text/plain")
        return Answer(200, files.picture(), "image/png")

    def webhook(self, job: Job, *, at: float) -> tuple[bytes, Mapping[str, str]]:
        """Signed over the request's id, the user, the time and the body's digest."""
        body = json.dumps({"request_id": job.id, "gateway_request_id": job.id, "status": "OK", "payload": {}}).encode()
        stamp = str(int(at))
        message = "\n".join((job.id, USER, stamp, hashlib.sha256(body).hexdigest()))
        given = {
            "Request-Id": job.id,
            "User-Id": USER,
            "Timestamp": stamp,
            "Signature": self.key.sign(message.encode()).hex(),
        }
        return body, {f"X-Fal-Webhook-{name}": value for name, value in given.items()}

    def _allowed(self, request: Request) -> None:
        if request.headers.get("authorization") != "Key test-key":
            raise Refuse(answer_json({"detail": "Authentication is required to access this application."}, 401))

    def _job(self, identity: str) -> Job:
        if identity not in self.jobs or self.script == "gone":
            raise Refuse(answer_json({"detail": "Request not found"}, 404))
        return self.jobs[identity]

    def _root(self, job: Job) -> str:
        owner = "/".join(job.asked["app"].split("/")[:2])
        return f"{self.url}/{owner}/requests/{job.id}"

    def _made(self, job: Job) -> dict[str, Any]:
        """The least that the endpoint's own type asks for."""
        schema = self._endpoints.output(job.asked["app"])
        members = _resolved(schema, {"$ref": schema["$ref"]})["properties"]
        count = int(job.asked.get("num_images", 1))
        image: dict[str, Any] = {"url": f"{self.url}/files/{job.id}.png", "content_type": "image/png"}
        if "width" in json.dumps(schema["$defs"]):
            image |= {"width": 1024, "height": 1024}
        video = {"url": f"{self.url}/files/{job.id}.mp4", "content_type": "video/mp4"}
        values = {
            "images": [image] * count,
            "image": image,
            "video": video,
            "audio": {"url": f"{self.url}/files/{job.id}.mp3", "content_type": "audio/mpeg"},
            "has_nsfw_concepts": [self.script == "moderated"] * count,
            "seed": 7,
            "prompt": job.asked.get("prompt", ""),
            "description": "",
            "timings": {},
        }
        return {name: values[name] for name in members if name in values}


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node
