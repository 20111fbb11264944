"""Gemini's generateContent: what is asked, how the answer comes (at once or as a stream), and what it says."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import httpx

from apps.providers.asked import filename, inline
from apps.providers.base import ErrorCode, Job, Output, ProviderError, Submission
from apps.providers.bodies import body_build, references
from apps.providers.http import LONG, NEVER_LEFT, Vendor
from apps.wording import gettext as _

# Google's canonical codes (google.rpc.Code) in our words.
CODES: Mapping[str, ErrorCode] = {
    "INVALID_ARGUMENT": "invalid",
    "OUT_OF_RANGE": "invalid",
    "FAILED_PRECONDITION": "refused",
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "UNAVAILABLE": "unavailable",
}
KEY_REASONS = {"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED"}
# How an answer ends that was withheld, whatever its status was.
WITHHELD = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "ESCALATION",
    "JAILBREAK",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
}
# These are whole answers; the second one is as long as the person allowed.
ENDED_WELL = {"", "STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}


class Gemini(Vendor):
    """Google's HTTP: the key as a header, errors as google.rpc.Status, the wait after 429 in the body."""

    def __init__(self, key: str, *, answers_at_once: bool) -> None:
        headers = {"x-goog-api-key": key}
        super().__init__("Google", headers, refusal=refusal, answers_at_once=answers_at_once)
        self.answers_at_once = answers_at_once

    def check(self, answer: httpx.Response) -> None:
        """As for any vendor; the seconds to wait stand in the body.

        A gateway that gave up does not know what became of a request that it had passed on.
        """
        if self.answers_at_once and answer.status_code in (502, 504):
            raise self.lost()
        try:
            super().check(answer)
        except ProviderError as error:
            if error.code == "rate_limited" and error.retry_after_s is None:
                error.retry_after_s = _retry_delay_s(answer)
            raise

    def stream(self, url: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The events of the one POST of a submission, as they come; errors as :meth:`post` sorts them."""
        try:
            with httpx.stream("POST", url, json=body, headers=self.headers, timeout=LONG, trust_env=False) as answer:
                if not answer.is_success:
                    answer.read()
                    if answer.is_redirect:
                        raise self.lost()
                self.check(answer)
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except NEVER_LEFT as error:
            raise self.unreachable() from error
        except (httpx.HTTPError, ValueError) as error:
            raise self.lost() from error


def refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """What a google.rpc.Status says."""
    error = _status(answer)
    code = CODES.get(str(error.get("status")))
    if code is None or not error.get("message"):
        return None
    if {one.get("reason") for one in _details(error)} & KEY_REASONS:
        code = "auth"
    return code, str(error["message"])[:500]


def content_body(vendor: Vendor, submission: Submission, call: Mapping[str, Any]) -> dict[str, Any]:
    """The request: the pictures, then the words; what else there is goes where the entry says."""
    body = body_build(call, submission.params)
    given = [one for name in call.get("inputs", {}) for one in references(submission.inputs.get(name))]
    parts: list[dict[str, Any]] = [
        {"inlineData": {"mimeType": one.get("content_type") or "image/png", "data": inline(vendor, one)}}
        for one in given
    ]
    if submission.params.get("system"):
        body["systemInstruction"] = {"parts": [{"text": str(submission.params["system"])}]}
    return {**body, "contents": [{"role": "user", "parts": [*parts, {"text": str(submission.params["prompt"])}]}]}


def told(vendor: Vendor, events: Iterable[Any], tell: Callable[[str], bool], attempt_id: str) -> Job:
    """The job that a stream tells; cancelled when nobody wants the rest."""
    whole: dict[str, Any] = {"parts": [], "reason": ""}
    text = ""
    for event in events:
        _take(whole, event)
        if len(so_far := _text(whole["parts"])) > len(text):
            text = so_far
            if not tell(text):
                return Job(attempt_id, "cancelled")
    if not whole["reason"]:
        # It stopped in the middle; the last event always says how it ended.
        raise vendor.lost()
    return finished(vendor, whole, attempt_id)


def answered(vendor: Vendor, answer: Mapping[str, Any], attempt_id: str) -> Job:
    """The job that one whole answer with pictures is. Words alone say why there are none."""
    whole: dict[str, Any] = {"parts": [], "reason": ""}
    _take(whole, answer)
    job = finished(vendor, whole, attempt_id)
    if job.state == "succeeded" and not job.outputs:
        return Job(job.provider_request_id, "failed", error=vendor.failed((job.text or "")[:500]))
    return job


def finished(vendor: Vendor, whole: Mapping[str, Any], attempt_id: str) -> Job:
    """Succeeded with what was made; failed where it was withheld, also where Google calls that a success."""
    identity = str(whole.get("id") or attempt_id)
    outputs = tuple(_images(vendor, whole["parts"]))
    text = _text(whole["parts"])
    reason = str(whole["reason"])
    if reason in WITHHELD and not outputs:
        error = vendor.withheld(str(whole.get("message") or ""))
        return Job(identity, "failed", error=error)
    if reason not in ENDED_WELL and not outputs:
        error = vendor.failed(_("%(vendor)s ended with %(reason)s.", vendor=vendor.title, reason=reason))
        return Job(identity, "failed", error=error)
    if not outputs and not text:
        return Job(identity, "failed", error=vendor.failed(_("Google answered without a result.")))
    usage = _usage(whole.get("usage") or {}, len(outputs))
    return Job(identity, "succeeded", progress=1.0, outputs=outputs, text=text or None, usage=usage)


def _take(whole: dict[str, Any], event: Mapping[str, Any]) -> None:
    """One event of a stream, or a whole answer, added to what is known."""
    whole["id"] = event.get("responseId") or whole.get("id")
    whole["usage"] = event.get("usageMetadata") or whole.get("usage")
    feedback = event.get("promptFeedback") or {}
    if feedback.get("blockReason"):
        # Also "OTHER": a prompt that is blocked is withheld, whatever the reason is called.
        whole |= {"reason": "SAFETY", "message": feedback.get("blockReasonMessage") or ""}
    for candidate in (event.get("candidates") or [])[:1]:
        whole["parts"] += (candidate.get("content") or {}).get("parts") or []
        if candidate.get("finishReason"):
            whole |= {"reason": candidate["finishReason"], "message": candidate.get("finishMessage") or ""}


def _text(parts: Iterable[Mapping[str, Any]]) -> str:
    return "".join(str(part["text"]) for part in parts if part.get("text") and not part.get("thought"))


def _images(vendor: Vendor, parts: Iterable[Mapping[str, Any]]) -> Iterator[Output]:
    for part in parts:
        data = part.get("inlineData")
        if not data or part.get("thought"):
            continue
        try:
            content = base64.b64decode(data["data"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise vendor.lost() from error
        kind = str(data.get("mimeType") or "image/png")
        yield Output("", kind, filename(kind, "png"), content)


def _usage(said: Mapping[str, Any], images: int) -> dict[str, Any]:
    """Tokens as they are paid: what was read, and words and thoughts written. Pictures are paid each."""
    if not said:
        return {}
    pictured = sum(
        int(one.get("tokenCount") or 0)
        for one in said.get("candidatesTokensDetails") or []
        if str(one.get("modality")).upper() == "IMAGE"
    )
    written = int(said.get("candidatesTokenCount") or 0) + int(said.get("thoughtsTokenCount") or 0)
    usage: dict[str, Any] = {"token_in": int(said.get("promptTokenCount") or 0)}
    if images and not pictured:
        # Without the split nobody can say what of it were words; the picture's own price covers it.
        return {**usage, "token_out": int(said.get("thoughtsTokenCount") or 0), "image": images}
    return {**usage, "token_out": max(0, written - pictured), **({"image": images} if images else {})}


def _status(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    # A refused stream answers with a list of one.
    first = found[0] if isinstance(found, list) and found else found
    error = first.get("error") if isinstance(first, dict) else None
    return error if isinstance(error, dict) else {}


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in error.get("details") or [] if isinstance(one, Mapping)]


def _retry_delay_s(answer: httpx.Response) -> float | None:
    for one in _details(_status(answer)):
        try:
            return float(str(one["retryDelay"]).removesuffix("s"))
        except (KeyError, ValueError):
            continue
    return None
