"""Ollama on somebody's own machine: text is streamed as it is written, and nothing is paid.

It keeps no jobs: closing the connection ends the work, so whatever has not been answered is not going on either.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.http import STATUSES, Vendor
from apps.providers.streams import file_read, named, ndjson, references, streamed
from apps.wording import gettext as _

TOLD_MAX = 500


class OllamaProvider:
    """The account is an address. ``call`` of an entry: ``model`` as ``ollama list`` says it, and ``names``."""

    name = "ollama"
    # No record means that nothing goes on: a connection that is cut ends what it asked for.
    lookup_complete = True

    def __init__(self, account: Credentials) -> None:
        self._root = account.base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {account.key}"} if account.key else {}
        self._vendor = Vendor("Ollama", headers, refusal=_refusal, answers_at_once=True)

    def submit(self, submission: Submission) -> Job:
        """One POST, told while it is written."""
        if not self._root:
            raise ProviderError("auth", _("No address of an Ollama server is set."), permanent=True)
        call = submission.call
        body = {
            "model": call["model"],
            "messages": self._messages(submission),
            "stream": True,
            **named(submission.params, call.get("names", {}), without=("prompt", "system")),
        }
        with streamed(self._vendor, f"{self._root}/api/chat", json=body) as answer:
            return self._written(answer, submission)

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """The answer came with the POST; there is nothing to ask."""
        return Job(provider_request_id, "running", poll_after_s=30.0)

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Closing the connection has ended it."""

    def find(self, attempt_id: str) -> Job | None:
        """Ollama keeps no jobs."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """Text needs no fetching."""
        raise ProviderError("not_found", self._vendor.expired(), permanent=True)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Ollama calls nobody."""
        raise WebhookRefused("Ollama sends no webhooks.")

    def _messages(self, submission: Submission) -> list[dict[str, Any]]:
        pictures = [one for value in submission.inputs.values() for one in references(value)]
        asked: dict[str, Any] = {"role": "user", "content": str(submission.params["prompt"])}
        if pictures:
            asked["images"] = [base64.b64encode(file_read(self._vendor, one)).decode() for one in pictures]
        system = str(submission.params.get("system") or "")
        return [*([{"role": "system", "content": system}] if system else []), asked]

    def _written(self, answer: httpx.Response, submission: Submission) -> Job:
        """Follow the stream to the line that says it is done; "lost" when it ends before."""
        known, text = submission.attempt_id, ""
        for line in ndjson(answer):
            if line.get("error"):
                return Job(known, "failed", error=self._vendor.failed(str(line["error"])[:TOLD_MAX]))
            text += str((line.get("message") or {}).get("content") or "")
            if line.get("done"):
                return self._done(known, text, line)
            if text and not submission.tell(text):
                return Job(known, "cancelled")
        raise self._vendor.lost()

    def _done(self, known: str, text: str, line: Mapping[str, Any]) -> Job:
        if not text:
            detail = _("It used all of its tokens before it wrote anything. Allow a longer answer.")
            spent = line.get("done_reason") == "length"
            return Job(known, "failed", error=self._vendor.failed(detail if spent else "", permanent=spent))
        names = {"token_in": "prompt_eval_count", "token_out": "eval_count"}
        usage = {unit: line[name] for unit, name in names.items() if isinstance(line.get(name), int)}
        return Job(known, "succeeded", text=text, usage=usage)


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """Its own sentence: it says which model must be pulled first."""
    try:
        return STATUSES.get(answer.status_code, "refused"), str(answer.json()["error"])[:TOLD_MAX]
    except (ValueError, KeyError, TypeError):
        return None
