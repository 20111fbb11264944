"""A client of the running site's API, as somebody outside would write it, and what must be true after every run."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from apps.billing.audit import ledger_audit

T = TypeVar("T")
ENDED = {"completed", "failed", "cancelled"}
Answer = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One Server-Sent Event."""

    seq: int
    kind: str
    body: Answer


class Api:
    """The API of the running site with one token."""

    def __init__(self, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, timeout=30, trust_env=False)

    def get(self, path: str, **params: Any) -> Answer:
        response = self.http.get(path, params=params)
        assert response.status_code == 200, response.text
        answer: Answer = response.json()
        return answer

    def start(self, workflow: Any, *, key: str = "", **body: Any) -> httpx.Response:
        """POST of a run; ``key`` is its Idempotency-Key."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(f"/workflows/{workflow.id}/runs", json=body, headers=headers)

    def started(self, workflow: Any, **body: Any) -> str:
        """The id of a run that was accepted."""
        response = self.start(workflow, **body)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def cancel(self, run: str) -> None:
        response = self.http.post(f"/runs/{run}/cancel")
        assert response.status_code == 202, response.text

    def run(self, run: str) -> Answer:
        return self.get(f"/runs/{run}")

    def end(self, run: str, timeout_s: float = 60) -> Answer:
        """The run once it is over."""
        return wait_for(lambda: found if (found := self.run(run))["state"] in ENDED else None, timeout_s)

    def steps(self, run: str) -> dict[str, Answer]:
        """The run's steps by node."""
        return {step["node"]: step for step in self.get(f"/runs/{run}/steps", limit=1000)["items"]}

    def stored(self, run: str) -> list[Answer]:
        """Every event there is, page after page."""
        found: list[Answer] = []
        while page := self.get(f"/runs/{run}/events", format="json", after=found[-1]["seq"] if found else 0)["items"]:
            found += page
        return found

    def stream(self, run: str, *, after: int | None = None, last_event_id: int | None = None) -> Iterator[Event]:
        """The run's events as they come, until the server ends the stream."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        params = {} if after is None else {"after": after}
        with self.http.stream("GET", f"/runs/{run}/events", headers=headers, params=params) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                name, _colon, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif "id" in fields:
                    yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                    fields = {}


def wait_for(look: Callable[[], T | None], timeout_s: float = 30) -> T:
    """The first thing ``look`` finds."""
    deadline = time.monotonic() + timeout_s
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"Nothing within {timeout_s} s."
        time.sleep(0.05)
    return found


def gapless(seqs: list[int], *, after: int = 0) -> bool:
    """Whether nothing is missing and nothing is there twice."""
    return seqs == list(range(after + 1, after + len(seqs) + 1))


def consistent(api: Api, run: str) -> Answer:
    """A run that is over: every event once and in order, every step settled once, the ledger adds up, nothing held."""
    found, events = api.run(run), api.stored(run)
    assert found["state"] in ENDED
    assert gapless([event["seq"] for event in events])
    assert events[-1]["seq"] == found["last_seq"]
    assert (events[0]["kind"], events[-1]["kind"]) == ("run_started", "run_finished")
    kinds = {"completed": "step_succeeded", "failed": "step_failed", "skipped": "step_skipped"}
    settled = Counter(
        (event["node"], event["item"], event["kind"])
        for event in events
        if event["kind"] in {*kinds.values(), "step_cancelled", "step_cached"}
    )
    for node, step in api.steps(run).items():
        kind = kinds.get(step["state"], f"step_{step['state']}")
        assert settled.pop((node, step["item"], kind)) == 1, (node, step["state"])
    assert not settled, f"Settled twice: {settled}"
    assert ledger_audit() == []
    assert found["held"] == 0
    assert api.get("/credits")["held"] == 0
    return found


def balance(site: Api) -> int:
    """What the workspace has, micro-credits."""
    found: int = site.get("/credits")["balance"]
    return found
