"""The adapter of the sandbox vendor, over plain HTTP as to any vendor next door."""

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
from apps.wording import gettext as _

TIMEOUT = httpx.Timeout(20.0, connect=4.0)
FETCH_TIMEOUT = httpx.Timeout(30.0, connect=4.0)
FETCH_MAX_BYTES = 512 * 1024 * 1024
WEBHOOK_TOLERANCE_S = 300

STATES: dict[str, JobState] = {
    "queued": "submitted",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}
CODES: dict[str, ErrorCode] = {
    "refused": "refused",
    "invalid": "invalid",
    "content_policy": "content_policy",
    "auth": "auth",
    "not_found": "not_found",
    "rate_limited": "rate_limited",
}
# What a status means when the body does not say.
STATUSES: dict[int, ErrorCode] = {
    400: "invalid",
    401: "auth",
    403: "auth",
    404: "not_found",
    410: "not_found",
    422: "invalid",
}


class SandboxProvider:
    """Its own webhook secret follows from the key."""

    name = "sandbox"
    lookup_complete = True

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = f"{account.base_url.rstrip('/')}/sandbox/v1"
        self._headers = {"Authorization": f"Bearer {account.key}"}
        self._secret = webhook_secret(account.key)
        self._clock = clock

    def submit(self, submission: Submission) -> Job:
        """One POST. A lost answer raises code "lost" with ``sent``: it must not be repeated."""
        body = {
            "model": submission.model,
            "params": {name: value for name, value in submission.params.items() if value is not None},
            "inputs": {name: _input(value) for name, value in submission.inputs.items()},
            "client_reference": submission.attempt_id,
            "webhook_url": submission.webhook_url,
        }
        try:
            # A connection of its own: a kept one may be closed under the POST, and then nobody knows whether it went.
            answer = httpx.post(
                f"{self._root}/jobs", json=body, headers=self._headers, timeout=TIMEOUT, trust_env=False
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ProviderError("unavailable", _("The sandbox could not be reached."), sent=False) from error
        except httpx.HTTPError as error:
            raise _lost() from error
        if answer.status_code >= 500 or answer.is_redirect:
            raise _lost()
        _check(answer)
        try:
            return _job(answer.json())
        except (ValueError, KeyError, TypeError) as error:
            raise _lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Ask at the address the vendor gave for this job."""
        url = urls.get("status") or f"{self._root}/jobs/{provider_request_id}"
        try:
            return _read(await client.get(url, headers=self._headers, timeout=TIMEOUT))
        except httpx.HTTPError as error:
            raise _unreachable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Stop the job; one that has ended stays as it ended."""
        url = urls.get("cancel") or f"{self._root}/jobs/{provider_request_id}"
        _check(self._ask("DELETE", url))

    def find(self, attempt_id: str) -> Job | None:
        """The newest job with our reference, if the vendor ever accepted it."""
        answer = self._ask("GET", f"{self._root}/jobs", params={"client_reference": attempt_id})
        _check(answer)
        try:
            items = answer.json()["items"]
            return _job(items[0]) if items else None
        except (ValueError, KeyError, TypeError) as error:
            raise ProviderError("unavailable", _("The sandbox gave an answer that cannot be read.")) from error

    def fetch(self, output: Output, to: Path) -> None:
        """Stream to ``to``; raises ProviderError("not_found", permanent) once the address has expired."""
        taken = 0
        try:
            with (
                httpx.stream("GET", output.url, timeout=FETCH_TIMEOUT, trust_env=False) as answer,
                to.open("wb") as file,
            ):
                if answer.is_error:
                    answer.read()
                _check(answer)
                for chunk in answer.iter_bytes(256 * 1024):
                    taken += len(chunk)
                    if taken > FETCH_MAX_BYTES:
                        raise ProviderError(
                            "failed", _("The sandbox delivered a file that is too large."), permanent=True
                        )
                    file.write(chunk)
        except httpx.HTTPError as error:
            raise _unreachable() from error

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Check signature and age by the Standard Webhooks rules; answers the vendor's job id."""
        given = {name.lower(): value for name, value in headers.items()}
        identity, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not identity or not stamp.isascii() or not stamp.isdigit():
            raise WebhookRefused("The webhook carries no id or no time.")
        if abs(self._clock() - int(stamp)) > WEBHOOK_TOLERANCE_S:
            raise WebhookRefused("The webhook is too old, or from the future.")
        content = f"{identity}.{stamp}.".encode() + body
        expected = hmac.new(self._secret, content, hashlib.sha256).digest()
        if not any(hmac.compare_digest(expected, found) for found in _signatures(given.get("webhook-signature", ""))):
            raise WebhookRefused("The webhook's signature is not the sandbox's.")
        try:
            return str(json.loads(body)["data"]["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("The webhook names no job.") from error

    def _ask(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            return httpx.request(method, url, headers=self._headers, timeout=TIMEOUT, trust_env=False, **arguments)
        except httpx.HTTPError as error:
            raise _unreachable() from error


def webhook_secret(key: str) -> bytes:
    """The secret the vendor signs with, derived from the API key on both sides."""
    return hmac.new(key.encode(), b"sandbox webhooks", hashlib.sha256).digest()


def _signatures(header: str) -> list[bytes]:
    found = []
    for part in header.split():
        version, _, code = part.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(code, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _input(value: Any) -> Any:
    """Of a reference the vendor learns the address and the type, nothing about our workspace."""
    if isinstance(value, list):
        return [_input(one) for one in value]
    return {"url": value["url"], "content_type": value.get("content_type", "")} if isinstance(value, dict) else value


def _job(data: Mapping[str, Any]) -> Job:
    state = STATES[data["state"]]
    outputs = tuple(Output(one["url"], one["content_type"], one["filename"]) for one in data.get("outputs", ()))
    waiting = data["state"] == "queued"
    return Job(
        provider_request_id=str(data["id"]),
        state=state,
        progress=None if waiting else float(data.get("progress") or 0.0),
        message=_message(data),
        outputs=outputs,
        error=_job_error(data.get("error")) if state == "failed" else None,
        text=data.get("text"),
        poll_after_s=min(5.0, 1.0 + (data.get("queue_position") or 0)) if waiting else 0.5,
        urls={"status": data["status_url"], "cancel": data["cancel_url"]},
    )


def _message(data: Mapping[str, Any]) -> str:
    if data["state"] == "queued" and data.get("queue_position") is not None:
        if not data["queue_position"]:
            return _("Next in the queue")
        return _("In the queue, %(count)s ahead", count=data["queue_position"])
    lines = str(data.get("logs") or "").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _job_error(error: Mapping[str, Any] | None) -> ProviderError:
    code = CODES.get(str((error or {}).get("code")), "failed")
    message = str((error or {}).get("message") or _("The sandbox gave no reason."))
    return ProviderError(code, message, permanent=code in {"content_policy", "invalid", "refused"}, sent=True)


def _read(answer: httpx.Response) -> Job:
    _check(answer)
    try:
        return _job(answer.json())
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderError("unavailable", _("The sandbox gave an answer that cannot be read.")) from error


def _check(answer: httpx.Response) -> None:
    """Raise for anything but success: 429 and 5xx pass, other refusals are definite."""
    if answer.is_success:
        return
    code, message = _refusal(answer)
    if answer.status_code == 429:
        raise ProviderError("rate_limited", message, retry_after_s=_retry_after(answer))
    if answer.status_code >= 500 or answer.is_redirect:
        raise ProviderError("unavailable", _("The sandbox is not well at the moment."))
    raise ProviderError(code, message, permanent=True)


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str]:
    fallback = STATUSES.get(answer.status_code, "refused")
    try:
        error = answer.json()["error"]
        return CODES.get(str(error["code"]), fallback), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return fallback, _("The sandbox answered %(status)s.", status=answer.status_code)


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _lost() -> ProviderError:
    detail = _("The request was sent to the sandbox, but its answer never came.")
    return ProviderError("lost", detail, sent=True)


def _unreachable() -> ProviderError:
    return ProviderError("unavailable", _("The sandbox could not be reached."))
