"""ElevenLabs over plain HTTP: speech, music and sounds, all in the answer to the POST itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import STATUSES, Vendor
from apps.providers.streams import named

BASE_URL = "https://api.elevenlabs.io"
TOLD_MAX = 500
AUDIO = {"mp3": ("audio/mpeg", "mp3"), "opus": ("audio/ogg", "ogg"), "wav": ("audio/wav", "wav")}
POLICY = frozenset(
    {"bad_prompt", "bad_composition_plan", "content_against_policy", "content_policy_violation", "content_moderation"}
)
BUSY = frozenset({"too_many_concurrent_requests", "concurrent_limit_exceeded", "system_busy", "rate_limit_exceeded"})
EMPTY = frozenset({"quota_exceeded", "insufficient_credits", "payment_required"})
# Ours, not the vendor's body: which voice goes into the address, and how the file is to be.
APART = ("voice", "voice_id", "output_format")


class ElevenLabsProvider:
    """``call`` of an entry: ``path`` (``{voice}`` in it is the chosen voice), ``model``, ``names`` (ours to the
    vendor's), ``thousandfold`` (parameters in seconds that the vendor counts in milliseconds)."""

    name = "elevenlabs"
    lookup_complete = False

    def __init__(self, account: Credentials) -> None:
        self._root = (account.base_url or BASE_URL).rstrip("/")
        self._vendor = Vendor("ElevenLabs", {"xi-api-key": account.key}, refusal=_refusal, answers_at_once=True)

    def submit(self, submission: Submission) -> Job:
        """One POST, answered with the sound."""
        call, params = submission.call, dict(submission.params)
        for name in call.get("thousandfold", ()):
            params[name] = round(params[name] * 1000)
        voice = quote(str(params.get("voice_id") or params.get("voice") or ""), safe="")
        url = f"{self._root}{call['path'].format(voice=voice)}"
        body = {"model_id": call["model"], **named(params, call.get("names", {}), without=APART)}
        asked = str(params.get("output_format") or "mp3_44100_128")
        answer = self._vendor.post(url, json=body, params={"output_format": asked})
        return self._done(answer, submission, asked)

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """The sound came with the answer to the POST; there is nothing to ask."""
        return Job(provider_request_id, "running", poll_after_s=30.0)

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """What has been made cannot be stopped."""

    def find(self, attempt_id: str) -> Job | None:
        """The account's history of speech carries no reference of ours."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """There are no addresses to fetch from."""
        raise ProviderError("not_found", self._vendor.expired(), permanent=True)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Its webhooks are about transcripts and calls, never about what we ask for."""
        raise WebhookRefused("ElevenLabs sends no webhooks about sounds.")

    def _done(self, answer: httpx.Response, submission: Submission, asked: str) -> Job:
        """ "lost" where the answer is no sound: it may have been made and paid for."""
        if not answer.content or not answer.headers.get("content-type", "").startswith(("audio/", "application/octet")):
            raise self._vendor.lost()
        kind, ending = AUDIO[asked.partition("_")[0]]
        known = answer.headers.get("request-id") or submission.attempt_id
        return Job(known, "succeeded", outputs=(Output("", kind, f"sound.{ending}", answer.content),))


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """The vendor's status names, whatever HTTP status they come with; its sentence, but about keys."""
    detail = _detail(answer)
    name, said = str(detail.get("status") or detail.get("code") or ""), str(detail.get("message") or "")[:TOLD_MAX]
    code: ErrorCode = STATUSES.get(answer.status_code, "refused")
    if name in POLICY:
        return "content_policy", said
    if name in BUSY:
        return "rate_limited", said
    if name in EMPTY:
        return "auth", said
    return (code, said) if said and answer.status_code < 500 and code != "auth" else None


def _detail(answer: httpx.Response) -> Mapping[str, Any]:
    """``{"detail": {"status", "message"}}``, or a list of what did not validate."""
    try:
        detail = answer.json()["detail"]
        if isinstance(detail, list):
            return {"message": "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in detail)}
        return detail if isinstance(detail, Mapping) else {"message": str(detail)}
    except (ValueError, KeyError, TypeError, IndexError):
        return {}
