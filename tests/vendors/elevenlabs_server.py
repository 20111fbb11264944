"""ElevenLabs as its own package speaks to it: speech, sounds and music, answered with the sound itself."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.assets.files import sound
from tests.vendors import elevenlabs_contract as contract
from tests.vendors.server import Answer, ContractServer, Refuse, Request, answer_json, route

STATUSES = {
    401: "invalid_api_key",
    429: "too_many_concurrent_requests",
    500: "internal_error",
    502: "bad_gateway",
    503: "system_busy",
}
CODECS = {"mp3": ("libmp3lame", 44100), "opus": ("libopus", 48000), "wav": ("pcm_s16le", 24000)}


class ElevenLabsServer(ContractServer):
    """Scripts besides the usual ones: "moderated", "empty" (no sound in the answer), "garbage" (a page instead of a
    sound), "quota"."""

    name = "elevenlabs"

    def refusal(self, status: int, message: str) -> Answer:
        return self._refused(status, {"status": STATUSES.get(status, "invalid"), "message": message})

    @route("POST", r"/v1/text-to-speech/([A-Za-z0-9]{20})", submits=True)
    def speech(self, request: Request, match: re.Match[str]) -> Answer:
        return self._made(request, contract.SPEECH, "speech")

    @route("POST", "/v1/sound-generation", submits=True)
    def effect(self, request: Request, match: re.Match[str]) -> Answer:
        return self._made(request, contract.SOUND, "sound")

    @route("POST", "/v1/music", submits=True)
    def music(self, request: Request, match: re.Match[str]) -> Answer:
        return self._made(request, contract.MUSIC, "music")

    def _made(self, request: Request, schema: Mapping[str, Any], kind: str) -> Answer:
        (asked,) = request.query.get("output_format", ["mp3_44100_128"])
        self._check(request, schema, asked, kind)
        if self.script == "garbage":
            return Answer(200, b"<html>", "text/html")
        content = b"" if self.script == "empty" else _sound(asked.partition("_")[0].replace("auto", "mp3"))
        headers = {"request-id": f"request-{len(self.seen)}", "character-cost": "21"}
        return Answer(200, content, "audio/mpeg", headers)

    def _check(self, request: Request, schema: Mapping[str, Any], asked: str, kind: str) -> None:
        if request.headers.get("xi-api-key") != "test-key":
            raise Refuse(self.refusal(401, "Invalid API key: test-key"))
        errors = list(jsonschema_rs.Draft202012Validator(dict(schema)).iter_errors(request.json()))
        problems = [{"loc": ["body", *error.instance_path], "msg": error.message, "type": "value"} for error in errors]
        if asked not in contract.FORMATS[kind]:
            problems.append({"loc": ["query", "output_format"], "msg": "not a format", "type": "enum"})
        if problems:
            raise Refuse(self._refused(422, problems))
        if self.script == "moderated":
            raise Refuse(self._refused(400, {"status": "bad_prompt", "message": "The prompt names an artist."}))
        if self.script == "quota":
            detail = {"status": "quota_exceeded", "message": "This request exceeds your quota."}
            raise Refuse(self._refused(401, detail))

    def _refused(self, status: int, detail: Any) -> Answer:
        body = {"detail": detail}
        self.drifted += [
            error.message for error in jsonschema_rs.Draft202012Validator(contract.REFUSAL).iter_errors(body)
        ]
        return answer_json(body, status)


@cache
def _sound(kind: str) -> bytes:
    codec, rate = CODECS[kind]
    with tempfile.TemporaryDirectory() as folder:
        return sound(Path(folder) / f"sound.{kind}", codec, rate).read_bytes()
