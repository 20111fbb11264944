"""The adapter of Stability AI (v2beta) over plain HTTP: there is no client. docs/decisions/0064-vendors-stability.md.

An entry's ``call``: ``path`` under stable-image, ``inputs`` (its name for each of ours), ``names`` (the same for
parameters), ``fixed`` (what is always sent), ``later`` where the answer is a job and not yet the picture.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import FETCH_TIMEOUT, TIMEOUT, Vendor
from apps.wording import gettext as _

ROOT = "https://api.stability.ai"
# The vendor's own limit for a request.
INPUT_MAX_BYTES = 10 * 1024 * 1024
POLL_S = 10.0
FINISHED, FILTERED = "SUCCESS", "CONTENT_FILTERED"
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class StabilityProvider:
    """Most endpoints answer with the picture itself. Nothing can be cancelled, and there are no webhooks."""

    name = "stability"
    lookup_complete = False

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or ROOT).rstrip("/")
        headers = {"Authorization": f"Bearer {account.key}", "Accept": "image/*"}
        self._vendor = Vendor("Stability", headers, refusal=_refusal, answers_at_once=True)
        self._later = Vendor("Stability", {**headers, "Accept": "application/json"}, refusal=_refusal)

    def submit(self, submission: Submission) -> Job:
        """One POST; the picture, or the id of a job."""
        url = f"{self._root}/v2beta/stable-image/{submission.call['path']}"
        form = self._form(submission)
        if not submission.call.get("later"):
            return self._at_once(self._vendor.post(url, files=form), submission.attempt_id)
        data = self._later.posted(self._later.post(url, files=form))
        try:
            identity = str(data["id"])
        except (KeyError, TypeError) as error:
            raise self._later.lost() from error
        return Job(identity, "submitted", urls={"result": f"{self._root}/v2beta/results/{identity}"})

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Whether the picture is there; it is not read here."""
        try:
            async with client.stream("GET", urls["result"], headers=self._vendor.headers, timeout=TIMEOUT) as answer:
                if answer.is_error or answer.status_code == 202:
                    await answer.aread()
                return self._looked(provider_request_id, urls["result"], answer)
        except httpx.HTTPError as error:
            raise self._vendor.unreachable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Nothing: the vendor has no way to stop a job, and what it makes is paid."""

    def find(self, attempt_id: str) -> Job | None:
        """The vendor knows no reference of ours."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """The result of a job, which the vendor keeps for a day and gives to its customer only."""
        own = output.url.startswith(f"{self._root}/")
        self._vendor.download(output.url, to, headers=self._vendor.headers if own else None)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """There are none."""
        raise WebhookRefused("Stability sends no webhooks.")

    def _at_once(self, answer: httpx.Response, attempt_id: str) -> Job:
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if not kind.startswith("image/") or not answer.content:
            raise self._vendor.lost()
        identity = answer.headers.get("x-request-id") or attempt_id
        if (error := self._finish(answer)) is not None:
            return Job(identity, "failed", error=error)
        return Job(identity, "succeeded", outputs=(Output("", kind, _name(kind), answer.content),))

    def _looked(self, identity: str, url: str, answer: httpx.Response) -> Job:
        if answer.status_code == 202:
            return Job(identity, "running", poll_after_s=POLL_S)
        if answer.status_code == 403 and (said := _refusal(answer)) and said[0] == "content_policy":
            return Job(identity, "failed", error=self._vendor.withheld(said[1]))
        self._vendor.check(answer)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if not kind.startswith("image/"):
            raise self._vendor.unreadable()
        if (error := self._finish(answer)) is not None:
            return Job(identity, "failed", error=error)
        return Job(identity, "succeeded", outputs=(Output(url, kind, _name(kind)),))

    def _finish(self, answer: httpx.Response) -> ProviderError | None:
        """A filtered picture is a success to the vendor: it is blurred."""
        reason = answer.headers.get("finish-reason", FINISHED)
        if reason == FILTERED:
            return self._vendor.withheld()
        return None if reason == FINISHED else self._vendor.failed(reason)

    def _form(self, submission: Submission) -> dict[str, Any]:
        """A multipart form, also where it has no files."""
        call = submission.call
        params = {**call.get("fixed", {}), **submission.params}
        names = call.get("names", {})
        form: dict[str, Any] = {
            names.get(name, name): (None, str(value))
            for name, value in params.items()
            if value is not None and value != ""
        }
        for name, theirs in call.get("inputs", {}).items():
            if given := submission.inputs.get(name):
                form[theirs] = (theirs, self._read(given["url"]))
        return form

    def _read(self, url: str) -> bytes:
        """A file of ours, to be sent along. Nothing has reached the vendor when this fails."""
        found = bytearray()
        try:
            with httpx.stream("GET", url, timeout=FETCH_TIMEOUT, trust_env=False) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    found += chunk
                    if len(found) > INPUT_MAX_BYTES:
                        detail = _("Stability takes files of at most 10 MB.")
                        raise ProviderError("invalid", detail, permanent=True)
        except httpx.HTTPError as error:
            raise ProviderError("unavailable", _("The input file could not be read.")) from error
        return bytes(found)


def _name(kind: str) -> str:
    return f"image.{EXTENSIONS.get(kind, 'png')}"


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    codes: dict[int, ErrorCode] = {401: "auth", 402: "auth", 403: "auth", 404: "not_found", 429: "rate_limited"}
    code = codes.get(answer.status_code, "invalid" if answer.status_code < 500 else "unavailable")
    try:
        data = json.loads(answer.content)
        said = " ".join(str(one) for one in data["errors"])[:500]
    except (ValueError, KeyError, TypeError):
        return None
    return ("content_policy" if data.get("name") == "content_moderation" else code), said
