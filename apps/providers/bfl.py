"""The adapter of Black Forest Labs over plain HTTP. Why not its client: docs/decisions/0063-vendors-bfl.md.

An entry's ``call``: ``path`` (the endpoint), ``inputs`` (its name for each of ours; a list of names where ours is a
list of files).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import Vendor
from apps.wording import gettext as _

ROOT = "https://api.bfl.ai"
CREDITS_PER_USD = 100
MODERATED = {"Request Moderated", "Content Moderated"}
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp"}


class BflProvider:
    """A job is only known at the address the vendor gives for it, in the region that took it. None can be cancelled."""

    name = "bfl"
    lookup_complete = False

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or ROOT).rstrip("/")
        self._vendor = Vendor("Black Forest Labs", {"x-key": account.key}, refusal=_refusal)

    def submit(self, submission: Submission) -> Job:
        """One POST. No webhook is asked for: how they are signed is not documented."""
        url = f"{self._root}/v1/{submission.call['path']}"
        data = self._vendor.posted(self._vendor.post(url, json=body(submission)))
        try:
            urls = {"status": str(data["polling_url"])}
            # Told only now, and settled by at the end.
            if data.get("cost") is not None:
                urls["cost"] = str(float(data["cost"]))
            return Job(str(data["id"]), "submitted", urls=urls)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._vendor.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Ask at the job's own address."""
        data = await self._vendor.look(client, urls["status"])
        try:
            return self._job(provider_request_id, data, urls)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Nothing: the vendor has no way to stop a job, and what it makes is paid."""

    def find(self, attempt_id: str) -> Job | None:
        """The vendor knows no reference of ours."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """From the vendor's file store, within ten minutes; it needs no key."""
        self._vendor.download(output.url, to)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """None was asked for."""
        raise WebhookRefused("Black Forest Labs was asked for no webhook.")

    def _job(self, identity: str, data: Mapping[str, Any], urls: Mapping[str, str]) -> Job:
        status = data["status"]
        if status == "Ready":
            sample = str(data["result"]["sample"])
            name = httpx.URL(sample).path.rsplit("/", 1)[-1] or "image"
            kind = TYPES.get(name.rsplit(".", 1)[-1].lower(), "image/jpeg")
            usage = {"usd": float(urls["cost"]) / CREDITS_PER_USD} if "cost" in urls else {}
            return Job(identity, "succeeded", outputs=(Output(sample, kind, name),), usage=usage)
        if status in MODERATED:
            return Job(identity, "failed", error=self._vendor.withheld())
        if status == "Task not found":
            raise ProviderError("not_found", self._vendor.expired(), permanent=True)
        if status in ("Error", "Failed"):
            return Job(identity, "failed", error=self._vendor.failed(_reason(data)))
        progress = data.get("progress")
        running = status != "Pending" or bool(progress)
        share = min(1.0, max(0.0, float(progress))) if progress else None
        return Job(identity, "running" if running else "submitted", progress=share, poll_after_s=1.0)


def body(submission: Submission) -> dict[str, Any]:
    """What the endpoint is sent: files by their addresses."""
    found = {name: value for name, value in submission.params.items() if value is not None and value != ""}
    for name, theirs in submission.call.get("inputs", {}).items():
        given = submission.inputs.get(name) or []
        files = given if isinstance(given, list) else [given]
        names = theirs if isinstance(theirs, list) else [theirs]
        if len(files) > len(names):
            raise ProviderError("invalid", _too_many(len(names)), permanent=True)
        found |= {own: file["url"] for own, file in zip(names, files, strict=False)}
    return found


def _too_many(most: int) -> str:
    return _("At most %(most)s images can be given.", most=most)


def _reason(data: Mapping[str, Any]) -> str:
    details = data.get("details")
    told = details.get("error") or details.get("message") if isinstance(details, Mapping) else None
    return str(told)[:500] if told else ""


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    codes: dict[int, ErrorCode] = {401: "auth", 402: "auth", 403: "auth", 404: "not_found", 429: "rate_limited"}
    code = codes.get(answer.status_code, "invalid" if answer.status_code < 500 else "unavailable")
    try:
        detail = json.loads(answer.content)["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(detail, str):
        return code, detail[:500]
    said = [str(one.get("msg") or "") for one in detail if isinstance(one, Mapping)] if isinstance(detail, list) else []
    return (code, " ".join(said).strip()[:500]) if said else None
