"""Runway's API: every call is a task that is asked after; what it cost is told in credits at its end."""

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
from apps.wording import gettext as _

ADDRESS = "https://api.dev.runwayml.com"
# Runway asks for it; its models and their parameters are those of this day's API.
VERSION = "2024-11-06"
USD_PER_CREDIT = 0.01
LOOK_AFTER_S = 5.0
STATES: Mapping[str, JobState] = {
    "PENDING": "submitted",
    "THROTTLED": "submitted",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


class RunwayProvider(Asked):
    """Inputs go as addresses; results lie at addresses that a later look renews."""

    name = "runway"

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = f"{(account.base_url or ADDRESS).rstrip('/')}/v1"
        headers = {"Authorization": f"Bearer {account.key}", "X-Runway-Version": VERSION}
        self._vendor = Vendor("Runway", headers, refusal=_refusal)

    def submit(self, submission: Submission) -> Job:
        """One POST, to the address that the entry's ``call`` names."""
        call = call_for(submission.call, submission.inputs)
        body = body_build(call, submission.params)
        for name, told in call.get("inputs", {}).items():
            given = [one["url"] for one in references(submission.inputs.get(name))]
            if given:
                place(body, told["at"], [{"uri": url} for url in given] if told.get("many") else given[0])
        found = self._vendor.posted(self._vendor.post(f"{self._root}/{call['path']}", json=body))
        try:
            identity = str(found["id"])
        except (KeyError, TypeError) as error:
            raise self._vendor.lost() from error
        return Job(identity, "submitted", poll_after_s=LOOK_AFTER_S, urls=self._urls(identity))

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """How the task is."""
        found = await self._vendor.look(client, self._urls(provider_request_id)["status"])
        try:
            return self._job(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._vendor.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Stop the task. Runway deletes one that has ended by the same call, so that is asked first.

        Between the two it may end: then its result is gone from Runway too, and nothing is charged here.
        """
        address = self._urls(provider_request_id)["status"]
        if STATES.get(str(self._vendor.ask("GET", address).get("status"))) in ("submitted", "running"):
            self._vendor.ask("DELETE", address)

    def fetch(self, output: Output, to: Path) -> None:
        """The results lie with a store of Runway's: no key."""
        self._vendor.download(output.url, to)

    def _urls(self, identity: str) -> dict[str, str]:
        return {"status": f"{self._root}/tasks/{identity}"}

    def _job(self, said: Mapping[str, Any]) -> Job:
        identity, state = str(said["id"]), STATES[str(said["status"])]
        outputs = tuple(_output(str(url)) for url in said.get("output") or ()) if state == "succeeded" else ()
        progress = float(said["progress"]) if said.get("progress") is not None else None
        spent = (said.get("cost") or {}).get("credits")
        return Job(
            identity,
            state,
            progress=1.0 if state == "succeeded" else progress,
            message=_("Runway is busy; the job waits its turn.") if said["status"] == "THROTTLED" else "",
            outputs=outputs,
            error=self._failure(said) if state == "failed" else None,
            poll_after_s=LOOK_AFTER_S,
            usage={} if spent is None else {"usd": float(spent) * USD_PER_CREDIT},
            urls=self._urls(identity),
        )

    def _failure(self, said: Mapping[str, Any]) -> ProviderError:
        """By the code: SAFETY… and INPUT_PREPROCESSING.SAFETY… are its rules, ASSET… and INPUT… are what was given."""
        parts = str(said.get("failureCode") or "").upper().split(".")
        message = str(said.get("failure") or "")[:500]
        if "SAFETY" in parts:
            return self._vendor.withheld(message)
        if parts[0] in ("ASSET", "INPUT_PREPROCESSING"):
            return ProviderError("invalid", message, permanent=True, sent=True)
        return self._vendor.failed(message)


def _output(url: str) -> Output:
    name = Path(urlsplit(url).path).name or "output"
    return Output(url, "", name)


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """``{"error": sentence, "issues": […]}``; the issues say which parameter."""
    try:
        said = answer.json()
        message = str(said["error"])
        issues = [
            str(one["message"]) for one in said.get("issues") or [] if isinstance(one, dict) and one.get("message")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    codes: Mapping[int, ErrorCode] = {400: "invalid", 401: "auth", 403: "auth", 404: "not_found", 429: "rate_limited"}
    code = codes.get(answer.status_code)
    return (code, "; ".join([message, *issues])[:500]) if code else None
