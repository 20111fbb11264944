"""The adapter of Replicate: predictions over plain HTTP. Why not its client: docs/decisions/0062-vendors-replicate.md.

An entry's ``call``: ``model`` (owner/name) or ``version``, ``inputs`` (its name for each of ours; a list where it takes
a list), ``fixed`` (what is always sent).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, JobState, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import Vendor
from apps.providers.standard_webhooks import standard_verify
from apps.wording import gettext as _

ROOT = "https://api.replicate.com"
# A job nobody waits for any more ends itself, also one whose id we never learned.
CANCEL_AFTER = "30m"
STATES: Mapping[str, JobState] = {
    "starting": "submitted",
    "processing": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "aborted": "cancelled",
}
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
# By these words models tell that their rules forbid it; there is no code for it.
POLICY = re.compile(r"nsfw|flagged as|safety (?:filter|system|checker)|content.policy|moderat|\bE005\b", re.I)
# What the vendor counts, in our units.
METRICS = {"image_count": "image", "token_input_count": "token_in", "token_output_count": "token_out"}


class ReplicateProvider:
    """Predictions are asked for at the addresses the vendor gives for each."""

    name = "replicate"
    lookup_complete = False

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or ROOT).rstrip("/")
        self._vendor = Vendor("Replicate", {"Authorization": f"Bearer {account.key}"}, refusal=_refusal)
        self._secret = account.webhook_secret
        self._clock = clock

    def submit(self, submission: Submission) -> Job:
        """One POST."""
        call = submission.call
        sent: dict[str, Any] = {"input": body(submission)}
        if "version" in call:
            sent["version"] = call["version"]
        # The vendor takes no other addresses.
        if (submission.webhook_url or "").startswith("https:"):
            sent |= {"webhook": submission.webhook_url, "webhook_events_filter": ["start", "completed"]}
        path = "predictions" if "version" in call else f"models/{call['model']}/predictions"
        headers = {"Cancel-After": CANCEL_AFTER}
        data = self._vendor.posted(self._vendor.post(f"{self._root}/v1/{path}", json=sent, headers=headers))
        try:
            return self._job(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._vendor.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Ask at the prediction's own address."""
        data = await self._vendor.look(client, urls["get"])
        try:
            return self._job(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Ask for the end; one that has ended is left as it is."""
        self._vendor.ask("POST", urls["cancel"])

    def find(self, attempt_id: str) -> Job | None:
        """Predictions carry no reference of ours."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """From the vendor's file store, which needs no key."""
        self._vendor.download(output.url, to)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """By the account's secret, which the vendor tells whoever has the key."""
        standard_verify(headers, body, self._webhook_secret(), now=self._clock(), vendor="Replicate")
        try:
            return str(json.loads(body)["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("The webhook names no job.") from error

    def _webhook_secret(self) -> str:
        if not self._secret:
            try:
                self._secret = str(self._vendor.ask("GET", f"{self._root}/v1/webhooks/default/secret")["key"])
            except (ProviderError, KeyError, TypeError) as error:
                raise WebhookRefused("The secret of Replicate's webhooks could not be read.") from error
        return self._secret

    def _job(self, data: Mapping[str, Any]) -> Job:
        state = STATES[data["status"]]
        urls = {name: data["urls"][name] for name in ("get", "cancel")}
        found = Job(str(data["id"]), state, urls=urls, message=_last_line(data), progress=_progress(data))
        if state == "failed":
            return Job(found.provider_request_id, "failed", error=self._failure(str(data.get("error") or "")))
        if state != "succeeded":
            return found
        if data.get("data_removed") or data.get("output") is None:
            gone = ProviderError("not_found", self._vendor.expired(), permanent=True, sent=True)
            return Job(found.provider_request_id, "failed", error=gone)
        outputs, text = _output(data["output"])
        return Job(found.provider_request_id, state, outputs=outputs, text=text, usage=_usage(data), urls=urls)

    def _failure(self, said: str) -> ProviderError:
        if POLICY.search(said):
            return self._vendor.withheld(said[:500])
        return self._vendor.failed(said[:500])


def body(submission: Submission) -> dict[str, Any]:
    """The model's input by its own names."""
    call = submission.call
    found: dict[str, Any] = dict(call.get("fixed", {}))
    found |= {name: value for name, value in submission.params.items() if value is not None and value != ""}
    for name, theirs in call.get("inputs", {}).items():
        given = submission.inputs.get(name)
        if given:
            urls = [one["url"] for one in (given if isinstance(given, list) else [given])]
            found[theirs[0] if isinstance(theirs, list) else theirs] = urls if isinstance(theirs, list) else urls[0]
    return found


def _output(made: Any) -> tuple[tuple[Output, ...], str | None]:
    """Files, or what a language model has written piece by piece."""
    pieces = made if isinstance(made, list) else list(made.values()) if isinstance(made, dict) else [made]
    texts = [one for one in pieces if isinstance(one, str)]
    urls = [one for one in texts if one.startswith(("https://", "http://"))]
    if not urls or len(urls) < len(texts):
        return (), "".join(texts)
    return tuple(_file(url) for url in urls), None


def _file(url: str) -> Output:
    name = httpx.URL(url).path.rsplit("/", 1)[-1]
    return Output(url, TYPES.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream"), name)


def _usage(data: Mapping[str, Any]) -> dict[str, Any]:
    metrics = data.get("metrics") or {}
    return {ours: metrics[theirs] for theirs, ours in METRICS.items() if theirs in metrics}


def _last_line(data: Mapping[str, Any]) -> str:
    if data["status"] == "starting":
        return _("Starting")
    lines = str(data.get("logs") or "").strip().splitlines()
    return lines[-1].strip()[:200] if lines else ""


def _progress(data: Mapping[str, Any]) -> float | None:
    """The last per cent in the log, where a model tells it."""
    found = re.findall(r"(\d{1,3})%", str(data.get("logs") or "")[-2000:]) if data["status"] == "processing" else []
    return min(1.0, int(found[-1]) / 100) if found else None


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    try:
        detail = str(json.loads(answer.content)["detail"]).strip()[:500]
    except (ValueError, KeyError, TypeError):
        return None
    if answer.status_code in (400, 422) and POLICY.search(detail):
        return "content_policy", detail
    codes: dict[int, ErrorCode] = {401: "auth", 402: "auth", 403: "auth", 404: "not_found", 429: "rate_limited"}
    return codes.get(answer.status_code, "invalid" if answer.status_code < 500 else "unavailable"), detail
