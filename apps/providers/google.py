"""Google's Gemini API: pictures and text by generateContent, videos by background interactions.

Videos go the way of google-genai 3.x, ``/v1/interactions``, and no other: the older ``predictLongRunning`` is what its
2.x line spoke. Interactions can be cancelled and are asked by id; Google knows no reference of ours. Its webhooks for
one request are signed by a scheme that is documented in prose only, so none is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from apps.providers.asked import Asked, filename, inline
from apps.providers.base import Credentials, Job, JobState, Output, ProviderError, Submission
from apps.providers.bodies import body_build, call_for, references
from apps.providers.google_content import Gemini, answered, content_body, told
from apps.providers.http import FETCH_TIMEOUT
from apps.wording import gettext as _

ADDRESS = "https://generativelanguage.googleapis.com"
STATES: Mapping[str, JobState] = {
    "queued": "submitted",
    "in_progress": "running",
    "completed": "succeeded",
    "cancelled": "cancelled",
}
# A video takes half a minute at the least.
LOOK_AFTER_S = 5.0


class GoogleProvider(Asked):
    """Models of kind "content" answer at once; those of kind "interaction" are looked after."""

    name = "google"

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = (account.base_url or ADDRESS).rstrip("/")
        self._at_once = Gemini(account.key, answers_at_once=True)
        self._slow = Gemini(account.key, answers_at_once=False)

    def submit(self, submission: Submission) -> Job:
        """One POST, to where the entry's ``call`` says."""
        call = call_for(submission.call, submission.inputs)
        if call["api"] == "interaction":
            return self._interaction(submission, call)
        address = f"{self._root}/v1/models/{call['model']}"
        body = content_body(self._at_once, submission, call)
        if call.get("stream"):
            events = self._at_once.stream(f"{address}:streamGenerateContent?alt=sse", body)
            return told(self._at_once, events, submission.tell, submission.attempt_id)
        answer = self._at_once.posted(self._at_once.post(f"{address}:generateContent", json=body))
        try:
            return answered(self._at_once, answer, submission.attempt_id)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._at_once.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """How a video is. What was answered at once is with us already."""
        if "status" not in urls:
            return Job(provider_request_id, "running")
        found = await self._slow.look(client, urls["status"])
        try:
            return self._job(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._slow.unreadable() from error

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Stop a video; one that has ended stays as it ended."""
        if "cancel" in urls:
            self._slow.ask("POST", urls["cancel"])

    def fetch(self, output: Output, to: Path) -> None:
        """A file of Google's own needs the key; wherever it sends us from there must not learn it."""
        url, headers = output.url, self._slow.headers
        if urlsplit(url)[:2] != urlsplit(self._root)[:2]:
            headers = {}
        elif (elsewhere := self._redirected(url)) is not None:
            url, headers = elsewhere, {}
        self._slow.download(url, to, headers)

    def _redirected(self, url: str) -> str | None:
        try:
            with httpx.stream("GET", url, headers=self._slow.headers, timeout=FETCH_TIMEOUT, trust_env=False) as answer:
                return str(answer.next_request.url) if answer.next_request else None
        except httpx.HTTPError as error:
            raise self._slow.unreachable() from error

    def _interaction(self, submission: Submission, call: Mapping[str, Any]) -> Job:
        body = body_build(call, submission.params)
        given = [
            {
                "type": kind,
                "data": inline(self._slow, one),
                "mime_type": one.get("content_type") or {"image": "image/png", "video": "video/mp4"}[kind],
            }
            for name, kind in call.get("inputs", {}).items()
            for one in references(submission.inputs.get(name))
        ]
        body |= {
            "model": call["model"],
            "background": True,
            "input": [{"type": "text", "text": str(submission.params["prompt"])}, *given],
        }
        found = self._slow.posted(self._slow.post(f"{self._root}/v1/interactions", json=body))
        try:
            return self._job(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._slow.lost() from error

    def _job(self, said: Mapping[str, Any]) -> Job:
        identity = str(said["id"])
        address = f"{self._root}/v1/interactions/{identity}"
        urls = {"status": address, "cancel": f"{address}/cancel"}
        state = STATES.get(str(said["status"]), "failed")
        if state == "failed":
            return Job(identity, "failed", error=self._failure(said), urls=urls)
        if state != "succeeded":
            return Job(identity, state, poll_after_s=LOOK_AFTER_S, urls=urls)
        outputs = tuple(_videos(said))
        if not outputs:
            # A success without its videos: Google's filters took them.
            return Job(identity, "failed", error=self._slow.withheld(_filtered(said)), urls=urls)
        return Job(identity, "succeeded", progress=1.0, outputs=outputs, urls=urls)

    def _failure(self, said: Mapping[str, Any]) -> ProviderError:
        errors = said.get("errors") or [step["error"] for step in said.get("steps") or [] if step.get("error")]
        code = " ".join(str(one.get("code") or "") for one in errors).lower()
        message = next((str(one["message"]) for one in errors if one.get("message")), "")[:500]
        if any(word in code for word in ("safety", "policy", "prohibited", "rai")):
            return self._slow.withheld(message)
        if said["status"] == "budget_exceeded":
            return ProviderError("auth", message or _("Google's budget for this key is used up."), permanent=True)
        return self._slow.failed(message)


def _videos(said: Mapping[str, Any]) -> list[Output]:
    made = [
        content
        for step in said.get("steps") or []
        if step.get("type") == "model_output"
        for content in step.get("content") or []
        if content.get("type") == "video" and content.get("uri")
    ]
    kinds = [str(one.get("mime_type") or "video/mp4") for one in made]
    return [Output(str(one["uri"]), kind, filename(kind, "mp4")) for one, kind in zip(made, kinds, strict=True)]


def _filtered(said: Mapping[str, Any]) -> str:
    """Why the filters took a video, where Google tells: in the step, or beside it as Veo always did."""
    for step in said.get("steps") or []:
        reasons = step.get("rai_media_filtered_reasons") or said.get("rai_media_filtered_reasons") or []
        if reasons:
            return str(reasons[0])[:500]
        if (step.get("error") or {}).get("message"):
            return str(step["error"]["message"])[:500]
    return ""
