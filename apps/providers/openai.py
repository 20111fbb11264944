"""OpenAI over plain HTTP: pictures and speech come in the answer itself, text is streamed and can be followed later.

Text is asked for as a background response: it then has an id from its first event on, so that one whose stream broke
is looked at like any job, and a cancel reaches it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, JobState, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import STATUSES, Vendor
from apps.providers.streams import base64_read, file_read, named, references, sse, streamed
from apps.wording import gettext as _

BASE_URL = "https://api.openai.com/v1"
WEBHOOK_TOLERANCE_S = 300
TOLD_MAX = 500
STATES: Mapping[str, JobState] = {"queued": "submitted", "in_progress": "running", "cancelled": "cancelled"}
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
POLICY = frozenset(
    {"moderation_blocked", "content_policy_violation", "image_content_policy_violation", "bio_policy", "cyber_policy"}
)
# The account has no money left. Told as 429, though no waiting helps.
EMPTY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
# Errors of a job that pass by themselves.
PASSING = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout"})
AUDIO = {"mp3": "audio/mpeg", "opus": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav"}


class OpenAIProvider:
    """``call`` of an entry: ``api`` (images, responses, speech), ``model``, ``names`` (ours to the vendor's),
    ``not_edits`` (parameters that edits do not take), ``usd_per_token`` by kind where kinds differ in price, ``events``
    where speech tells its tokens."""

    name = "openai"
    lookup_complete = False

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or BASE_URL).rstrip("/")
        self._secret = account.webhook_secret
        self._clock = clock
        headers = {"Authorization": f"Bearer {account.key}"}
        self._vendor = Vendor("OpenAI", headers, refusal=_refusal, answers_at_once=True)

    def submit(self, submission: Submission) -> Job:
        """One POST; text is told while it is written."""
        apis = {"images": self._images, "responses": self._text, "speech": self._speech}
        return apis[submission.call["api"]](submission)

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """A text is asked for; what came in the answer itself has nowhere to be asked for."""
        if not urls.get("status"):
            return Job(provider_request_id, "running", poll_after_s=30.0)
        data = await self._vendor.look(client, urls["status"])
        try:
            return self._job(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Only a text can be stopped; one that has ended stays as it ended."""
        if urls.get("cancel"):
            self._vendor.ask("POST", urls["cancel"])

    def find(self, attempt_id: str) -> Job | None:
        """OpenAI keeps no list that could be searched for our reference."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """Servers that speak the same protocol may answer with an address."""
        self._vendor.download(output.url, to)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Standard Webhooks: HMAC-SHA256 of "id.time.body" with the endpoint's secret, at most 300 s away."""
        given = {name.lower(): value for name, value in headers.items()}
        identity, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not identity or not (stamp.isascii() and stamp.isdigit()):
            raise WebhookRefused("The webhook carries no id or no time.")
        if abs(self._clock() - int(stamp)) > WEBHOOK_TOLERANCE_S:
            raise WebhookRefused("The webhook is too old, or from the future.")
        wanted = hmac.new(_secret(self._secret), f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signed = f"v1,{base64.b64encode(wanted).decode()}".encode()
        if not any(hmac.compare_digest(signed, one.encode()) for one in given.get("webhook-signature", "").split()):
            raise WebhookRefused("The webhook's signature is not OpenAI's.")
        try:
            return str(json.loads(body)["data"]["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("The webhook names no job.") from error

    def _images(self, submission: Submission) -> Job:
        call = submission.call
        body = {"model": call["model"], **named(submission.params, call.get("names", {}))}
        given = {name: references(value) for name, value in submission.inputs.items()}
        masks = given.pop("mask", [])
        pictures = [one for listed in given.values() for one in listed]
        if not pictures:
            answer = self._vendor.post(f"{self._root}/images/generations", json=body)
        else:
            files = [("image[]", self._file(one)) for one in pictures] + [("mask", self._file(one)) for one in masks]
            form = {name: str(value) for name, value in body.items() if name not in call.get("not_edits", ())}
            answer = self._vendor.post(f"{self._root}/images/edits", data=form, files=files)
        data = self._vendor.posted(answer)
        try:
            outputs = tuple(self._picture(one, data, place) for place, one in enumerate(data["data"], 1))
            usage = _image_usage(data.get("usage"), call.get("usd_per_token", {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise self._vendor.lost() from error
        return self._done(answer, submission, outputs, usage)

    def _picture(self, one: Mapping[str, Any], data: Mapping[str, Any], place: int) -> Output:
        kind = data.get("output_format") or "png"
        content = base64_read(self._vendor, one["b64_json"]) if one.get("b64_json") else None
        return Output(str(one.get("url") or ""), f"image/{kind}", f"image-{place}.{kind}", content)

    def _file(self, reference: Mapping[str, Any]) -> tuple[str, bytes, str]:
        kind = str(reference.get("content_type") or "image/png")
        return f"image.{kind.partition('/')[2]}", file_read(self._vendor, reference), kind

    def _speech(self, submission: Submission) -> Job:
        call = submission.call
        names = {"prompt": "input", **call.get("names", {})}
        body = {"model": call["model"], **named(submission.params, names)}
        kind = str(body.get("response_format") or "mp3")
        url = f"{self._root}/audio/speech"
        usage: dict[str, Any] = {}
        if call.get("events"):
            with streamed(self._vendor, url, json={**body, "stream_format": "sse"}) as answer:
                content, usage = self._spoken(answer, call.get("usd_per_token", {}))
        else:
            answer = self._vendor.post(url, json=body)
            content = answer.content
        if not content:
            raise self._vendor.lost()
        return self._done(
            answer, submission, (Output("", AUDIO[kind], f"speech.{kind.replace('opus', 'ogg')}", content),), usage
        )

    def _spoken(self, answer: httpx.Response, rates: Mapping[str, float]) -> tuple[bytes, dict[str, Any]]:
        """Sound and what it cost; "lost" when the stream ends before it says that it is done."""
        content = bytearray()
        for event in sse(answer):
            if event.get("type") == "speech.audio.delta":
                content += base64_read(self._vendor, event.get("audio"))
            elif event.get("type") == "speech.audio.done":
                used = event.get("usage") or {}
                usd = rates["text_in"] * used["input_tokens"] + rates["audio_out"] * used["output_tokens"]
                return bytes(content), {"usd": usd, **_tokens(used)}
        raise self._vendor.lost()

    def _done(
        self, answer: httpx.Response, submission: Submission, outputs: tuple[Output, ...], usage: Mapping[str, Any]
    ) -> Job:
        known = answer.headers.get("x-request-id") or submission.attempt_id
        if not outputs:
            return Job(known, "failed", error=self._vendor.failed())
        return Job(known, "succeeded", outputs=outputs, usage=usage)

    def _text(self, submission: Submission) -> Job:
        call = submission.call
        names = {"system": "instructions", "max_tokens": "max_output_tokens", **call.get("names", {})}
        body = {
            "model": call["model"],
            "input": self._asked(submission),
            **named(submission.params, names, without=("prompt",)),
            "stream": True,
            "background": True,
            "store": True,
        }
        with streamed(self._vendor, f"{self._root}/responses", leaves_job=True, json=body) as answer:
            return self._written(answer, submission)

    def _asked(self, submission: Submission) -> Any:
        pictures = [one for value in submission.inputs.values() for one in references(value)]
        prompt = str(submission.params["prompt"])
        if not pictures:
            return prompt
        shown = [
            {
                "type": "input_image",
                "detail": "auto",
                "image_url": f"data:{kind};base64,{base64.b64encode(data).decode()}",
            }
            for _name, data, kind in map(self._file, pictures)
        ]
        return [{"role": "user", "content": [{"type": "input_text", "text": prompt}, *shown]}]

    def _written(self, answer: httpx.Response, submission: Submission) -> Job:
        """Follow the stream to its end. One that breaks leaves a job to be asked for, once its id is known."""
        known, text = "", ""
        try:
            for event in sse(answer):
                kind = event.get("type")
                known = known or str((event.get("response") or {}).get("id") or "")
                if kind in ENDS:
                    return self._job(event["response"])
                if kind == "error":
                    return Job(
                        known or submission.attempt_id, "failed", error=self._error(event), urls=self._urls(known)
                    )
                if kind == "response.output_text.delta":
                    text += str(event.get("delta") or "")
                    if not submission.tell(text):
                        return self._stopped(known, submission)
        except (httpx.HTTPError, KeyError, TypeError, AttributeError):
            if not known:
                raise
        if not known:
            raise self._vendor.lost()
        return Job(known, "running", urls=self._urls(known), poll_after_s=1.0)

    def _stopped(self, known: str, submission: Submission) -> Job:
        """Nobody wants the rest; how it ended is for the next look to say, where the vendor did not hear us."""
        urls = self._urls(known)
        try:
            self.cancel(known, urls)
        except ProviderError:
            return Job(known or submission.attempt_id, "running", urls=urls)
        return Job(known or submission.attempt_id, "cancelled", urls=urls)

    def _urls(self, known: str) -> dict[str, str]:
        url = f"{self._root}/responses/{known}"
        return {"status": url, "cancel": f"{url}/cancel"} if known else {}

    def _job(self, data: Mapping[str, Any]) -> Job:
        """A response as it is now."""
        known, status = str(data["id"]), str(data["status"])
        urls, usage = self._urls(known), _tokens(data.get("usage") or {})
        if status in STATES:
            return Job(known, STATES[status], urls=urls)
        if status == "failed":
            return Job(known, "failed", error=self._error(data.get("error") or {}), urls=urls)
        parts = [part for item in data["output"] if item.get("type") == "message" for part in item["content"]]
        text = "".join(part["text"] for part in parts if part.get("type") == "output_text")
        refusal = "".join(part["refusal"] for part in parts if part.get("type") == "refusal")
        reason = (data.get("incomplete_details") or {}).get("reason")
        if reason == "content_filter" or (refusal and not text):
            return Job(known, "failed", error=self._vendor.withheld(refusal[:TOLD_MAX]), urls=urls)
        if not text:
            detail = _("It used all of its tokens before it wrote anything. Allow a longer answer.") if reason else ""
            return Job(known, "failed", error=self._vendor.failed(detail, permanent=bool(reason)), urls=urls)
        return Job(known, "succeeded", text=text, usage=usage, urls=urls)

    def _error(self, error: Mapping[str, Any]) -> ProviderError:
        code, message = str(error.get("code") or ""), str(error.get("message") or "")[:TOLD_MAX]
        if code in POLICY:
            return self._vendor.withheld(message)
        return self._vendor.failed(message, permanent=code not in PASSING)


def _tokens(used: Mapping[str, Any]) -> dict[str, Any]:
    names = {"token_in": "input_tokens", "token_out": "output_tokens"}
    return {unit: used[name] for unit, name in names.items() if isinstance(used.get(name), int)}


def _image_usage(used: Mapping[str, Any] | None, rates: Mapping[str, float]) -> dict[str, Any]:
    """What a picture cost: words and pictures that it read have prices of their own."""
    if not used or not rates:
        return {}
    read = used["input_tokens_details"]
    usd = rates["text_in"] * read["text_tokens"] + rates["image_in"] * read["image_tokens"]
    return {"usd": usd + rates["image_out"] * used["output_tokens"], **_tokens(used)}


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """The vendor's own sentence, but for a refused key: that sentence shows a part of the key."""
    if answer.status_code in (401, 403) or answer.status_code >= 500:
        return None
    try:
        error = answer.json()["error"]
        code: ErrorCode = STATUSES.get(answer.status_code, "refused")
        said = str(error["message"])[:TOLD_MAX]
    except (ValueError, KeyError, TypeError):
        return None
    if error.get("code") in EMPTY:
        return "auth", said
    return ("content_policy" if error.get("code") in POLICY else code), said


def _secret(written: str) -> bytes:
    if not written:
        raise WebhookRefused("No secret for OpenAI's webhooks is set.")
    try:
        return base64.b64decode(written.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WebhookRefused("The secret for OpenAI's webhooks cannot be read.") from error
