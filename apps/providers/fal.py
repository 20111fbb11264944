"""The adapter of fal.ai: its queue over plain HTTP. Why not its client: docs/decisions/0061-vendors-fal.md.

An entry's ``call``: ``app`` (the endpoint), ``inputs`` (its name for each of ours; a list where it takes a list),
``names`` (its name for a parameter, dots for members of an object; with a factor where it counts in
smaller units), ``fixed`` (what is always sent).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission
from apps.providers.fal_webhooks import FalWebhooks
from apps.providers.http import TIMEOUT, Vendor
from apps.wording import gettext as _

QUEUE = "https://queue.fal.run"
KEYS = "https://rest.fal.ai/.well-known/jwks.json"
# Where results have their files, in the order of what is meant.
FILES = ("images", "image", "videos", "video", "audio", "audio_file")
TYPES = {"image": "image/png", "images": "image/png", "video": "video/mp4", "videos": "video/mp4"}
# The vendor's own weaknesses: the same again may work.
PASSING = frozenset(
    {
        "request_timeout",
        "startup_timeout",
        "runner_scheduling_failure",
        "runner_connection_timeout",
        "runner_disconnected",
        "runner_connection_refused",
        "runner_connection_error",
        "runner_incomplete_response",
        "runner_server_error",
        "internal_error",
        "internal_server_error",
        "downstream_service_error",
        "downstream_service_unavailable",
        "generation_timeout",
    }
)
CANCELLED = frozenset({"client_cancelled", "client_disconnected"})
MEGAPIXEL = 1024 * 1024


class FalProvider:
    """Jobs wait in a queue, and are asked for at the addresses the vendor gives for each."""

    name = "fal"
    lookup_complete = False

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or QUEUE).rstrip("/")
        self._vendor = Vendor("fal", {"Authorization": f"Key {account.key}"}, refusal=_refusal)
        keys = f"{self._root}/.well-known/jwks.json" if account.base_url else KEYS
        self._webhooks = FalWebhooks(keys, clock)

    def submit(self, submission: Submission) -> Job:
        """One POST to the queue."""
        url = httpx.URL(f"{self._root}/{submission.call['app']}")
        # A webhook to an address that is not public never arrives.
        if (submission.webhook_url or "").startswith("https:"):
            url = url.copy_merge_params({"fal_webhook": submission.webhook_url})
        data = self._vendor.posted(self._vendor.post(str(url), json=body(submission)))
        try:
            urls = {"status": data["status_url"], "response": data["response_url"], "cancel": data["cancel_url"]}
            return Job(str(data["request_id"]), "submitted", message=_waiting(data), urls=urls)
        except (KeyError, TypeError) as error:
            raise self._vendor.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Ask for the status, and for the result once there is one."""
        status = httpx.URL(urls["status"]).copy_merge_params({"logs": "1"})
        data = await self._vendor.look(client, str(status))
        try:
            state = data["status"]
        except (KeyError, TypeError) as error:
            raise self._vendor.unreadable() from error
        if state == "IN_QUEUE":
            waits = min(5.0, 1.0 + (data.get("queue_position") or 0))
            return Job(provider_request_id, "submitted", message=_waiting(data), poll_after_s=waits)
        if state != "COMPLETED":
            return Job(provider_request_id, "running", message=_last_line(data), poll_after_s=1.0)
        if data.get("error_type") in CANCELLED:
            return Job(provider_request_id, "cancelled")
        return await self._result(client, provider_request_id, urls, data)

    async def _result(
        self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str], status: Mapping[str, Any]
    ) -> Job:
        try:
            answer = await client.get(urls["response"], headers=self._vendor.headers, timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise self._vendor.unreachable() from error
        if answer.is_error and (status.get("error") or _is_the_jobs(answer)):
            return Job(provider_request_id, "failed", error=self._failure(answer, status))
        data = self._vendor.read(answer)
        try:
            return self._done(provider_request_id, data)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Ask for the end of a job that waits or runs; one that has ended is left as it is."""
        try:
            self._vendor.ask("PUT", urls["cancel"])
        except ProviderError as error:
            if not error.permanent or error.code == "auth":
                raise

    def find(self, attempt_id: str) -> Job | None:
        """The queue knows no reference of ours."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """From the vendor's file store, which needs no key."""
        self._vendor.download(output.url, to)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """By the vendor's public keys."""
        return self._webhooks.verify(headers, body)

    def _done(self, provider_request_id: str, data: Mapping[str, Any]) -> Job:
        files = list(_files(data))
        flags = data.get("has_nsfw_concepts")
        flags = flags if isinstance(flags, list) and len(flags) == len(files) else [False] * len(files)
        kept = [file for file, withheld in zip(files, flags, strict=True) if not withheld]
        if files and not kept:
            return Job(provider_request_id, "failed", error=self._vendor.withheld())
        return Job(
            provider_request_id,
            "succeeded",
            outputs=tuple(_output(name, file, position) for position, (name, file) in enumerate(kept)),
            usage=_usage(files),
        )

    def _failure(self, answer: httpx.Response, status: Mapping[str, Any]) -> ProviderError:
        kind = str(status.get("error_type") or answer.headers.get("X-Fal-Error-Type") or "")
        code, message = _refusal(answer) or ("failed", "")
        if code == "content_policy":
            return self._vendor.withheld(message)
        again = kind in PASSING or answer.headers.get("X-Fal-Retryable", "").lower() == "true"
        if answer.status_code in (400, 422) and not again:
            return ProviderError("invalid", message, permanent=True, sent=True)
        return self._vendor.failed(message or str(status.get("error") or ""), permanent=not again)


def body(submission: Submission) -> dict[str, Any]:
    """What the endpoint is sent, by its own names."""
    call = submission.call
    found: dict[str, Any] = dict(call.get("fixed", {}))
    for name, value in submission.params.items():
        if value is not None and value != "":
            theirs = call.get("names", {}).get(name, name)
            path, times = theirs if isinstance(theirs, list) else (theirs, None)
            _put(found, path, round(value * times) if times else value)
    for name, theirs in call.get("inputs", {}).items():
        given = submission.inputs.get(name)
        if given:
            urls = [one["url"] for one in (given if isinstance(given, list) else [given])]
            found[theirs[0] if isinstance(theirs, list) else theirs] = urls if isinstance(theirs, list) else urls[0]
    return found


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        into = into.setdefault(name, {})
    into[last] = value


def _waiting(data: Mapping[str, Any]) -> str:
    position = data.get("queue_position")
    if position is None:
        return ""
    return _("In the queue, %(count)s ahead", count=position) if position else _("Next in the queue")


def _last_line(data: Mapping[str, Any]) -> str:
    logs = data.get("logs") or []
    return str(logs[-1].get("message") or "").strip()[:200] if logs and isinstance(logs[-1], Mapping) else ""


def _files(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in FILES:
        found = data.get(name)
        listed = found if isinstance(found, list) else [found]
        files = [one for one in listed if isinstance(one, Mapping) and one.get("url")]
        if files:
            yield from ((name, one) for one in files)
            return


def _output(name: str, file: Mapping[str, Any], position: int) -> Output:
    kind = str(file.get("content_type") or TYPES.get(name, "audio/mpeg"))
    called = str(file.get("file_name") or httpx.URL(file["url"]).path.rsplit("/", 1)[-1])
    return Output(file["url"], kind, called or f"{name}-{position + 1}.{kind.rsplit('/', 1)[-1]}")


def _usage(files: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """How many images, and how large where that is told."""
    pictures = [file for name, file in files if name.startswith("image")]
    if not pictures:
        return {}
    sizes = [float(one.get("width") or 0) * float(one.get("height") or 0) for one in pictures]
    return {"image": len(pictures)} | ({"megapixel": sum(sizes) / MEGAPIXEL} if all(sizes) else {})


def _is_the_jobs(answer: httpx.Response) -> bool:
    """Whether an error at the result's address is how the job ended, not a failure to look at it."""
    told = "X-Fal-Error-Type" in answer.headers or "X-Fal-Retryable" in answer.headers
    return told or answer.status_code in (400, 422)


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    try:
        detail = json.loads(answer.content)["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(detail, str):
        return _code(answer.status_code), detail[:500]
    details = [one for one in detail if isinstance(one, Mapping)] if isinstance(detail, list) else []
    if not details:
        return None
    policy = any("content_policy" in str(one.get("type")) for one in details)
    message = " ".join(str(one.get("msg") or "") for one in details).strip()[:500]
    return ("content_policy" if policy else _code(answer.status_code)), message


def _code(status: int) -> ErrorCode:
    codes: dict[int, ErrorCode] = {401: "auth", 402: "auth", 403: "auth", 404: "not_found", 429: "rate_limited"}
    return codes.get(status, "invalid" if status < 500 else "failed")
