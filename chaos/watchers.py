"""Watchers of one run that hang up at random and go on after the last thing they saw."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

CURSOR = re.compile(r'data-run-cursor="(\d+)"')
ENDED = re.compile(r'<run-status [^>]*state="(?:completed|failed|cancelled)"')
NODE_DONE = re.compile(r'<node-status node="([^"]+)" state="(?:completed|cached)"')
CUT_OFF = (TimeoutError, OSError, httpx.HTTPError, websockets.WebSocketException)
# While the site is down a watcher knocks this often, as the page does.
KNOCK_S = 0.5


@dataclass
class Sight:
    """What one watcher saw: the number of every event (or, by socket, of the newest of each batch).

    ``folded``: it saw 1 to this, each once and in order; the numbers themselves are no longer kept.
    """

    run: str
    by: str
    seen: list[int] = field(default_factory=list)
    done: bool = False
    hung_up: int = 0
    folded: int = 0
    # By socket: the nodes it was told are done.
    done_nodes: set[str] = field(default_factory=set)

    @property
    def last(self) -> int:
        """The newest event this watcher has."""
        return self.seen[-1] if self.seen else self.folded

    def fold(self) -> None:
        """Forget the numbers where there is nothing to remember about them: a long session has many watchers."""
        if self.by == "sse" and self.seen == list(range(1, len(self.seen) + 1)):
            self.folded, self.seen = len(self.seen), []
        self.done_nodes.clear()


class Watchers:
    """Follows runs by Server-Sent Events or by socket until their end, or until ``deadline`` (monotonic)."""

    def __init__(self, url: str, token: str, cookie: str, rng: random.Random) -> None:
        self.url = url
        self.cookie = cookie
        self.rng = rng
        self.sights: list[Sight] = []
        self.deadline = float("inf")
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=15, trust_env=False)

    async def watch(self, run: str, page: str) -> None:
        """Watch ``run``; ``page`` is the path of its page, whose address the socket shares."""
        sight = Sight(run, self.rng.choice(("sse", "socket")))
        self.sights.append(sight)
        while not sight.done and time.monotonic() < self.deadline:
            # Some stay, some look away after a moment.
            patience = self.rng.choice((60.0, self.rng.uniform(0.2, 4)))
            try:
                await asyncio.wait_for(self.look(sight, page), patience)
            except CUT_OFF:
                sight.hung_up += 1
                await asyncio.sleep(KNOCK_S)
        sight.fold()

    async def look(self, sight: Sight, page: str) -> None:
        """One connection after the last thing seen, until the run ends; raises one of CUT_OFF when it breaks."""
        await (self._stream(sight) if sight.by == "sse" else self._socket(sight, page))

    async def _stream(self, sight: Sight) -> None:
        headers = {"Last-Event-ID": str(sight.last)}
        async with self.http.stream("GET", f"/api/v1/runs/{sight.run}/events", headers=headers) as answer:
            answer.raise_for_status()
            number = 0
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "event":
                    sight.done = value == "run_finished"
                elif name == "data":
                    sight.seen.append(number)
        if not sight.done:
            await asyncio.sleep(KNOCK_S)

    async def _socket(self, sight: Sight, page: str) -> None:
        headers: Any = {"Cookie": self.cookie}
        origin: Any = self.url
        address = f"{self.url.replace('http', 'ws', 1)}/ws{page}"
        async with websockets.connect(
            address, additional_headers=headers, origin=origin, proxy=None, max_size=None
        ) as socket:
            await socket.send(json.dumps({"after": sight.last}))
            while not sight.done:
                text = str(await socket.recv())
                if found := CURSOR.search(text):
                    sight.seen.append(int(found[1]))
                    sight.done_nodes.update(NODE_DONE.findall(text))
                sight.done = bool(ENDED.search(text))


def sight_problem(sight: Sight, last_seq: int) -> str:
    """What is wrong with what a watcher saw of a run whose last event is ``last_seq``; empty when nothing is."""
    if not sight.done:
        return f"saw no end (has {sight.last} of {last_seq})"
    if sight.by == "sse":
        whole = sight.folded == last_seq if sight.folded else sight.seen == list(range(1, last_seq + 1))
        return "" if whole else f"saw {_strange(sight.seen)} of {last_seq}, folded {sight.folded}"
    rising = all(a < b for a, b in zip(sight.seen, sight.seen[1:], strict=False))
    return "" if rising and sight.last == last_seq else f"cursors {sight.seen[-5:]}, last event {last_seq}"


def _strange(seen: list[int]) -> str:
    doubled = sorted({number for number in seen if seen.count(number) > 1})
    missing = sorted(set(range(1, max(seen, default=0) + 1)) - set(seen))
    return f"{len(seen)} events, doubled {doubled[:5]}, missing {missing[:5]}"
