"""OpenAI as far as its OpenAPI description goes: pictures, speech, and texts that are written in the background."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.assets.files import picture, sound
from tests.vendors.contracts import Schemas, contract, form_read
from tests.vendors.server import Answer, ContractServer, Job, Refuse, Request, answer_json, route

SECRET = "whsec_" + base64.b64encode(b"a secret of the endpoint").decode()
WORDS = ["The lamp ", "turns, ", "and the sea ", "answers."]
TEXT = "".join(WORDS)
CODECS = {"mp3": "libmp3lame", "wav": "pcm_s16le", "flac": "flac"}


def signed(identity: str, *, at: float | None = None, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook about a response, signed as the vendor signs."""
    body = json.dumps({"id": "evt_1", "type": "response.completed", "data": {"id": identity}}).encode()
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = base64.b64encode(hmac.new(key, f"evt_1.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": "evt_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{code}"}, body


class OpenAIServer(ContractServer):
    """Scripts besides the usual ones: "moderated", "withheld" (a success that is none), "fails", "silent" (all tokens
    thought away), "breaks" (the stream ends early, the job goes on), "garbage", "gateway" (an error that is
    not the vendor's own)."""

    name = "openai"

    def __init__(self) -> None:
        self._schemas = Schemas(contract("openai-openapi.json"))
        super().__init__()
        # Statuses that the next looks get instead of an answer.
        self.look_faults: list[int] = []

        # Files of ours at this address, as our own store would give them.
        self.files: dict[str, bytes] = {}

    @route("GET", r"/files/[\w.]+")
    def file(self, request: Request, match: re.Match[str]) -> Answer:
        found = self.files.get(request.path)
        return Answer(200, found, "image/png") if found else Answer(404)

    def refusal(self, status: int, message: str, code: str | None = None) -> Answer:
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        self._right("ErrorResponse", body)
        return answer_json(body, status, **{"x-request-id": f"req_{len(self.seen)}"})

    @route("POST", "/images/generations", submits=True)
    def generations(self, request: Request, match: re.Match[str]) -> Answer:
        return self._pictures(self._asked(request, "CreateImageRequest", request.json()))

    @route("POST", "/images/edits", submits=True)
    def edits(self, request: Request, match: re.Match[str]) -> Answer:
        fields, files = form_read(request)
        asked: dict[str, Any] = {**fields, **({"n": int(fields["n"])} if "n" in fields else {})}
        asked["image"] = [kind for name, kind, content in files if name == "image[]" and content]
        masks = [kind for name, kind, _content in files if name == "mask"]
        asked |= {"mask": masks[0]} if masks else {}
        return self._pictures(self._asked(request, "CreateImageEditRequest", asked))

    @route("POST", "/audio/speech", submits=True)
    def speech(self, request: Request, match: re.Match[str]) -> Answer:
        asked = self._asked(request, "CreateSpeechRequest", request.json())
        kind = asked.get("response_format", "mp3")
        with tempfile.TemporaryDirectory() as folder:
            content = sound(Path(folder) / f"speech.{kind}", CODECS[kind]).read_bytes()
        headers = {"x-request-id": f"req_{len(self.seen)}"}
        if asked.get("stream_format") != "sse":
            return Answer(200, b"" if self.script == "garbage" else content, "application/octet-stream", headers)
        half = len(content) // 2
        events: list[dict[str, Any]] = [
            {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}
            for part in (content[:half], content[half:])
        ]
        if self.script != "breaks":
            usage = {"input_tokens": 6, "output_tokens": 40, "total_tokens": 46}
            events.append({"type": "speech.audio.done", "usage": usage})
        for event in events:
            self._right("CreateSpeechResponseStreamEvent", event)
        return Answer(200, content_type="text/event-stream", headers=headers, parts=_sse(events))

    @route("POST", "/responses", submits=True)
    def respond(self, request: Request, match: re.Match[str]) -> Answer:
        asked = self._asked(request, "CreateResponse", request.json())
        if not (asked.get("stream") and asked.get("background") and asked.get("store")):
            raise Refuse(self.refusal(400, "This server only writes in the background, and streams."))
        if self.script in ("garbage", "gateway"):
            return Answer(200 if self.script == "garbage" else 502, b"<html>", "text/html")
        job = self.jobs[f"resp_{len(self.jobs) + 1}"] = Job(f"resp_{len(self.jobs) + 1}", asked, "in_progress")
        return Answer(200, content_type="text/event-stream", parts=_sse(self._events(job)))

    @route("GET", r"/responses/(\w+)")
    def response(self, request: Request, match: re.Match[str]) -> Answer:
        job = self._known(match[1])
        if self.look_faults:
            return self.refusal(self.look_faults.pop(0), "The server had an error.")
        job.looks += 1
        if job.state == "in_progress" and job.looks > self.done_after:
            job.state = "completed"
        return answer_json(self._response(job))

    @route("POST", r"/responses/(\w+)/cancel")
    def stop_response(self, request: Request, match: re.Match[str]) -> Answer:
        job = self._known(match[1])
        if job.state == "in_progress":
            job.state = "cancelled"
        return answer_json(self._response(job))

    def _known(self, identity: str) -> Job:
        if identity not in self.jobs:
            raise Refuse(self.refusal(404, f"Response with id '{identity}' not found."))
        return self.jobs[identity]

    def _asked(self, request: Request, schema: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The request, once it is one that the description allows."""
        if request.headers.get("authorization") != "Bearer test-key":
            raise Refuse(self.refusal(401, "Incorrect API key provided: test-key***", "invalid_api_key"))
        problems = self._schemas.problems(schema, asked)
        problems += [f"unknown parameter: {name}" for name in self._schemas.unknown(schema, asked)]
        if problems:
            raise Refuse(self.refusal(400, problems[0][:300]))
        if self.script == "moderated":
            raise Refuse(self.refusal(400, "Your request was rejected by the safety system.", "moderation_blocked"))
        return asked

    def _right(self, schema: str, answer: Mapping[str, Any]) -> None:
        self.drifted += [f"{schema}: {problem[:300]}" for problem in self._schemas.problems(schema, answer)]

    def _pictures(self, asked: Mapping[str, Any]) -> Answer:
        if self.script == "garbage":
            return Answer(200, b"<html>", "text/html")
        kind = asked.get("output_format") or "png"
        made = [base64.b64encode(picture(seed=seed, kind=kind.upper())).decode() for seed in range(asked.get("n") or 1)]
        read = {"text_tokens": 10, "image_tokens": 1000 if "image" in asked else 0}
        tokens = {"input_tokens": sum(read.values()), "output_tokens": 439 * len(made)}
        body = {
            "created": int(time.time()),
            "data": [] if self.script == "withheld" else [{"b64_json": one} for one in made],
            "output_format": kind,
            "usage": {**tokens, "total_tokens": sum(tokens.values()), "input_tokens_details": read},
        }
        self._right("ImagesResponse", body)
        return answer_json(body, 200, **{"x-request-id": f"req_{len(self.seen)}"})

    def _events(self, job: Job) -> Iterator[dict[str, Any]]:
        number = iter(range(1000))
        yield self._event("ResponseCreatedEvent", "response.created", next(number), response=self._response(job))
        if self.script not in ("silent", "fails"):
            yield from self._writing(job, number)
        if self.script == "breaks" or job.state != "in_progress":
            return
        job.state = {"fails": "failed", "silent": "incomplete"}.get(self.script, "completed")
        ends = {"completed": "Completed", "failed": "Failed", "incomplete": "Incomplete"}
        kind = f"response.{job.state}"
        yield self._event(f"Response{ends[job.state]}Event", kind, next(number), response=self._response(job))

    def _writing(self, job: Job, number: Iterator[int]) -> Iterator[dict[str, Any]]:
        """A message is begun, then a part of it, then come its words."""
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        kind = "response.output_item.added"
        yield self._event("ResponseOutputItemAddedEvent", kind, next(number), output_index=0, item=item)
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        kind = "response.content_part.added"
        yield self._event("ResponseContentPartAddedEvent", kind, next(number), part=part, **place)
        for word in WORDS[:2] if self.script == "breaks" else WORDS:
            if job.state != "in_progress":
                return
            more = {"delta": word, "logprobs": [], **place}
            yield self._event("ResponseTextDeltaEvent", "response.output_text.delta", next(number), **more)

    def _event(self, schema: str, kind: str, number: int, **more: Any) -> dict[str, Any]:
        event = {"type": kind, "sequence_number": number, **more}
        self._right(schema, event)
        return event

    def _response(self, job: Job) -> dict[str, Any]:
        ended = job.state in ("completed", "incomplete")
        said: dict[str, Any] = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
        if self.script == "withheld":
            said = {"type": "refusal", "refusal": "I cannot help with that."}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
        body = {
            "id": job.id,
            "object": "response",
            "created_at": 1_700_000_000,
            "status": job.state,
            "error": {"code": "server_error", "message": "The model broke."} if job.state == "failed" else None,
            "incomplete_details": {"reason": "max_output_tokens"} if job.state == "incomplete" else None,
            "instructions": job.asked.get("instructions"),
            "model": job.asked["model"],
            "output": [message] if job.state == "completed" else [],
            "parallel_tool_calls": True,
            "tools": [],
            "tool_choice": "auto",
            "temperature": 1,
            "top_p": 1,
            "metadata": {},
            "background": True,
        }
        if ended:
            body["usage"] = {
                "input_tokens": 12,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 200,
                "output_tokens_details": {"reasoning_tokens": 150},
                "total_tokens": 212,
            }
        self._right("Response", body)
        return body


def _sse(events: Any) -> Iterator[bytes]:
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
