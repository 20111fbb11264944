"""Ollama as far as its OpenAPI description goes: one address, a line of JSON for every few words."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.vendors.contracts import Schemas, contract
from tests.vendors.server import Answer, ContractServer, Refuse, Request, answer_json, route

WORDS = ["The lamp ", "turns, ", "and the sea ", "answers."]
TEXT = "".join(WORDS)
PULLED = ("gemma4", "qwen3-vl", "gpt-oss:20b")


class OllamaServer(ContractServer):
    """Scripts besides the usual ones: "fails" (an error among the lines), "silent" (all tokens thought away),
    "breaks" (the lines end early), "garbage", "unpulled"."""

    name = "ollama"

    def __init__(self) -> None:
        self._schemas = Schemas(contract("ollama-openapi.yaml"))
        super().__init__()
        self.files: dict[str, bytes] = {}

    def refusal(self, status: int, message: str) -> Answer:
        body = {"error": message}
        self._right("ErrorResponse", body)
        return answer_json(body, status)

    @route("GET", r"/files/[\w.]+")
    def file(self, request: Request, match: re.Match[str]) -> Answer:
        return Answer(200, self.files[request.path], "image/png")

    @route("POST", "/api/chat", submits=True)
    def chat(self, request: Request, match: re.Match[str]) -> Answer:
        asked = request.json()
        problems = self._schemas.problems("ChatRequest", asked)
        problems += [f"unknown field: {name}" for name in self._schemas.unknown("ChatRequest", asked)]
        options = asked.get("options", {})
        problems += [f"unknown option: {name}" for name in self._schemas.unknown("ModelOptions", options)]
        if problems:
            raise Refuse(self.refusal(400, problems[0][:300]))
        for message in asked["messages"]:
            for image in message.get("images", ()):
                base64.b64decode(image, validate=True)
        if self.script == "unpulled" or asked["model"] not in PULLED:
            raise Refuse(self.refusal(404, f"model '{asked['model']}' not found"))
        if self.script == "garbage":
            return Answer(200, b"<html>", "text/html")
        return Answer(200, content_type="application/x-ndjson", parts=self._lines(asked["model"]))

    def _lines(self, model: str) -> Iterator[bytes]:
        for word in [] if self.script == "silent" else WORDS[:2] if self.script in ("breaks", "fails") else WORDS:
            yield self._line("ChatStreamEvent", model, word, done=False)
        if self.script == "fails":
            yield json.dumps({"error": "model runner has unexpectedly stopped"}).encode() + b"\n"
        elif self.script != "breaks":
            counts = {"prompt_eval_count": 12, "eval_count": 50, "total_duration": 10**9, "eval_duration": 10**8}
            reason = "length" if self.script == "silent" else "stop"
            yield self._line("ChatResponse", model, "", done=True, done_reason=reason, **counts)

    def _line(self, schema: str, model: str, text: str, **more: Any) -> bytes:
        message = {"role": "assistant", "content": text}
        line = {"model": model, "created_at": "2026-11-20T10:00:00Z", "message": message, **more}
        self._right(schema, line)
        return json.dumps(line).encode() + b"\n"

    def _right(self, schema: str, answer: dict[str, Any]) -> None:
        self.drifted += [f"{schema}: {problem[:300]}" for problem in self._schemas.problems(schema, answer)]
