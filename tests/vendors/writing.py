"""Two small vendors that write, over real HTTP: words come one after the other, in the answer to the one POST."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from apps.providers import catalogue, registry
from apps.providers.base import Credentials, Job, Output, Submission, WebhookRefused
from apps.providers.http import Vendor
from tests.vendors.life import account
from tests.vendors.server import Answer, ContractServer, Refuse, Request, serving


class WritingServer(ContractServer):
    """Writes ``words``; ``between`` is called before each of them."""

    words = ("The ", "sea ", "at ", "dusk.")

    def __init__(self, name: str) -> None:
        self.name = name
        self.between: Callable[[int], None] = lambda _: None
        super().__init__()
        self._routes = [("POST", __import__("re").compile(r"/write\Z"), True, WritingServer._write)]

    def _write(self, request: Request, _match: Any) -> Answer:
        if self.script == "refuses":
            raise Refuse(self.refusal(400, "It does not write about this."))
        body = request.json()
        assert set(body) == {"prompt", "params", "images"}
        return Answer(200, content_type="text/plain", parts=self._parts())

    def _parts(self) -> Iterator[bytes]:
        for place, word in enumerate(self.words):
            self.between(place)
            yield word.encode()


class Writer:
    """The adapter of such a vendor."""

    lookup_complete = False

    def __init__(self, name: str, credentials: Credentials) -> None:
        self.name = name
        self._url = f"{credentials.base_url}/write"
        self._vendor = Vendor(name.title(), {}, answers_at_once=True)

    def submit(self, submission: Submission) -> Job:
        """The one POST, read as it comes."""
        words = dict(submission.params)
        body = {"prompt": words.pop("prompt", ""), "params": words, "images": len(submission.inputs)}
        text = ""
        try:
            with httpx.stream("POST", self._url, json=body, timeout=20, trust_env=False) as answer:
                if not answer.is_success:
                    answer.read()
                self._vendor.check(answer)
                for part in answer.iter_text():
                    text += part
                    if not submission.tell(text):
                        return Job(submission.attempt_id, "cancelled")
        except httpx.ConnectError as error:
            raise self._vendor.unreachable() from error
        except httpx.HTTPError as error:
            raise self._vendor.lost() from error
        return Job(submission.attempt_id, "succeeded", text=text, usage={"token_out": len(text)})

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """Never asked: it answers at once."""
        raise NotImplementedError

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """There is nothing to stop."""

    def find(self, attempt_id: str) -> Job | None:
        """It keeps no list."""
        return None

    def fetch(self, output: Output, to: Path) -> None:
        """It makes no files."""
        raise NotImplementedError

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """It sends none."""
        raise WebhookRefused("No webhooks.")


def entry(vendor: str, usd: float, **params: Any) -> dict[str, Any]:
    """A model of such a vendor; ``usd`` for each character it writes, 100 at most."""
    return {
        "id": f"{vendor}/writer",
        "kind": "text",
        "title": f"{vendor.title()} writer",
        "description": "Writes.",
        "capabilities": ["text-to-text"],
        "inputs": {"prompt": {"$use": "prompt"}},
        "params": params,
        "price": {
            "terms": [{"usd": usd, "per": "token_out"}],
            "counts": {"token_out": 100},
            "source": "test",
            "as_of": "2026-11-20",
        },
    }


TONE = {"type": "string", "title": "Tone", "default": "plain", "enum": ["plain", "warm"]}
LENGTH = {"type": "integer", "title": "Length", "default": 10, "minimum": 1, "maximum": 50}


@contextmanager
def two_writers() -> Iterator[tuple[WritingServer, WritingServer]]:
    """``alpha/writer`` (tone and length) and the dearer ``beta/writer`` (length), each with its server."""
    entries = [entry("alpha", 0.0001, tone=TONE, length=LENGTH), entry("beta", 0.0003, length=LENGTH)]
    alpha, beta = WritingServer("alpha"), WritingServer("beta")
    makers = {name: (lambda credentials, name=name: Writer(name, credentials)) for name in ("alpha", "beta")}
    with serving(alpha), serving(beta), account(alpha), account(beta), patch.dict(registry._makers, makers):
        catalogue.models_replace(entries)
        try:
            yield alpha, beta
        finally:
            catalogue.models_replace([])
