"""The load: customers who start runs, repeat themselves, look on, change their mind, and remember every promise."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from chaos.recipes import recipe_draw
from chaos.watchers import Watchers

ENDED = ("completed", "failed", "cancelled")
# A customer whose POST is not answered repeats it, with the same key, for this long.
INSIST_S = 60.0


@dataclass
class Promises:
    """What the site said: per Idempotency-Key the runs it answered, and what went wrong on the way."""

    runs: dict[str, set[str]] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    recipes: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    cancels: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Load:
    """A bounded number of customers, each with one run at a time."""

    def __init__(self, url: str, token: str, workflow: str, watchers: Watchers, rng: random.Random) -> None:
        self.workflow = workflow
        self.watchers = watchers
        self.rng = rng
        self.promises = Promises()
        self.stopping = False
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=10, trust_env=False)

    async def customer(self) -> None:
        """Run after run until told to stop."""
        while not self.stopping:
            await self._order()
            await asyncio.sleep(self.rng.uniform(0, 0.5))

    async def _order(self) -> None:
        name, graph = recipe_draw(self.rng)
        key = str(uuid.UUID(int=self.rng.getrandbits(128)))
        body = {"graph": graph}
        run = await self._insist(key, body)
        if run is None:
            return
        self.promises.recipes[name] += 1
        async with asyncio.TaskGroup() as group:
            if self.rng.random() < 0.25:
                group.create_task(self._repeat(key, body))
            if self.rng.random() < 0.15:
                group.create_task(self._cancel(run["id"]))
            if self.rng.random() < 0.4:
                group.create_task(self.watchers.watch(run["id"], run["url"]))
            group.create_task(self._await_end(run["id"]))

    async def _insist(self, key: str, body: Any) -> dict[str, Any] | None:
        """POST with one key until there is an answer; None when there is none, or a refusal."""
        self.promises.runs.setdefault(key, set())
        deadline = time.monotonic() + INSIST_S
        while time.monotonic() < deadline:
            answer = await self._try("POST", f"/api/v1/workflows/{self.workflow}/runs", key, body)
            if answer is None or answer.status_code >= 500:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code != 202:
                self.promises.refused.append(f"{answer.status_code} {answer.text[:200]}")
                return None
            run: dict[str, Any] = answer.json()
            self.promises.runs[key].add(run["id"])
            return run
        self.promises.unanswered.add(key)
        return None

    async def _repeat(self, key: str, body: Any) -> None:
        await asyncio.sleep(self.rng.uniform(0, 3))
        self.promises.repeats += 1
        await self._insist(key, body)

    async def _cancel(self, run: str) -> None:
        await asyncio.sleep(self.rng.uniform(0, 3))
        self.promises.cancels += 1
        await self._try("POST", f"/api/v1/runs/{run}/cancel")

    async def _await_end(self, run: str) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not self.stopping:
            answer = await self._try("GET", f"/api/v1/runs/{run}")
            if answer is not None and answer.status_code == 200 and answer.json()["state"] in ENDED:
                return
            await asyncio.sleep(0.4)

    async def _try(self, method: str, path: str, key: str = "", body: Any = None) -> httpx.Response | None:
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = await self.http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            self.promises.errors[type(error).__name__] += 1
            return None
        if answer.status_code >= 500:
            self.promises.errors[str(answer.status_code)] += 1
        return answer
