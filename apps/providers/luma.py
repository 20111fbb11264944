"""Luma's Agents API: pictures and videos that are asked after. It cannot cancel, and does not say what a job cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from apps.providers.asked import Asked
from apps.providers.base import Credentials, ErrorCode, Job, JobState, Output, ProviderError, Submission
from apps.providers.bodies import body_build, call_for, place, references
from apps.providers.http import Vendor

ADDRESS = "https://agents.lumalabs.ai"
LOOK_AFTER_S = 3.0
STATES: Mapping[str, JobState] = {
    "queued": "submitted",
    "processing": "running",
    "completed": "succeeded",
    "failed": "failed",
}
# What a job failed of, in our words; the rest is "failed".
FAILURES: Mapping[str, ErrorCode] = {
    "content_moderated": "content_policy",
    "budget_exhausted": "auth",
    "rate_limited": "rate_limited",
    "image_too_large": "invalid",
    "unsupported_format": "invalid",
    "corrupt_input": "invalid",
    "invalid_request": "invalid",
}
TYPES: Mapping[str, tuple[str, str]] = {"image": ("image/png", "png"), "video": ("video/mp4", "mp4")}


class LumaProvider(Asked):
    """Inputs go as addresses; results lie for an hour at addresses of their own."""

    name = "luma"

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = f"{(account.base_url or ADDRESS).rstrip('/')}/v1"
        self._vendor = Vendor("Luma", {"Authorization": f"Bearer {account.key}"}, refusal=_refusal)

    def submit(self, submission: Submission) -> Job:
        """One POST."""
        call = call_for(submission.call, submission.inputs)
        body = body_build(call, submission.params)
        for name, told in call.get("inputs", {}).items():
            given = [_reference(one) for one in references(submission.inputs.get(name))]
            if given:
                place(body, told["at"], given if told.get("many") else given[0])
        found = self._vendor.posted(self._vendor.post(f"{self._root}/generations", json=body))
        try:
            return self._job(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._vendor.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """How it is."""
        found = await self._vendor.look(client, f"{self._root}/generations/{provider_request_id}")
        try:
            return self._job(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Luma cannot: the job goes on to its end, which decides, as for any vendor."""

    def fetch(self, output: Output, to: Path) -> None:
        """The results lie with a store of Luma's: no key."""
        self._vendor.download(output.url, to)

    def _job(self, said: Mapping[str, Any]) -> Job:
        identity, state = str(said["id"]), STATES[str(said["state"])]
        outputs = tuple(_output(one) for one in said.get("output") or ()) if state == "succeeded" else ()
        error = self._failure(said) if state == "failed" else None
        progress = 1.0 if state == "succeeded" else None
        return Job(identity, state, progress=progress, outputs=outputs, error=error, poll_after_s=LOOK_AFTER_S)

    def _failure(self, said: Mapping[str, Any]) -> ProviderError:
        code = FAILURES.get(str(said.get("failure_code")), "failed")
        message = str(said.get("failure_reason") or "")[:500]
        if code == "content_policy":
            return self._vendor.withheld(message)
        if code == "failed":
            return self._vendor.failed(message)
        return ProviderError(code, message, permanent=code != "rate_limited", sent=True)


def _reference(given: Mapping[str, Any]) -> dict[str, Any]:
    """Luma wants the type of what lies at an address beside it, at the least for videos."""
    kind = given.get("content_type")
    return {"url": given["url"], **({"media_type": kind} if kind else {})}


def _output(said: Mapping[str, Any]) -> Output:
    url = str(said["url"])
    content_type, ending = TYPES.get(str(said["type"]), ("", "bin"))
    name = Path(urlsplit(url).path).name
    return Output(url, content_type, name if "." in name else f"output.{ending}")


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """``{"detail": …}``: a sentence, an object with a message, or FastAPI's list of mistakes."""
    try:
        detail = answer.json()["detail"]
        if isinstance(detail, list):
            detail = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in detail)
        elif isinstance(detail, dict):
            detail = detail["message"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    codes: Mapping[int, ErrorCode] = {
        400: "invalid",
        401: "auth",
        402: "auth",
        403: "auth",
        404: "not_found",
        422: "invalid",
        429: "rate_limited",
    }
    code = codes.get(answer.status_code)
    if code == "invalid" and "moderat" in str(detail).lower():
        code = "content_policy"
    return (code, str(detail)[:500]) if code else None
