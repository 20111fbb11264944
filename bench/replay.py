"""Whether watchers who come and go miss anything: `replay`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from typing import Any

from bench.report import Figure
from bench.runs import session_cookie
from bench.site import VAR, Site, chain
from chaos.watchers import CUT_OFF, Sight, Watchers

# Each step leaves two events: it began, it ended.
STEPS = 5000
SLEEP_MS = 4
WATCHERS_OF_A_KIND = 3
HANG_UPS = 20
PATIENCE_S = 400.0


def bench_replay(site: Site) -> list[Figure]:
    """10,000 events, watched as they come by six who hang up twenty times each; Valkey dies in the middle."""
    workflow = site.workflow(chain(STEPS, sleep_ms=SLEEP_MS, **{"$always_new": True}))
    sights, killed_at, run = asyncio.run(_watch(site, workflow))
    last = int(site.get(f"/api/v1/runs/{run}")["last_seq"])
    streams = [sight for sight in sights if sight.by == "sse"]
    sockets = [sight for sight in sights if sight.by == "socket"]
    missing = sum(len(set(range(1, last + 1)) - set(sight.seen)) for sight in streams)
    twice = sum(len(sight.seen) - len(set(sight.seen)) for sight in streams)
    untold = sum(STEPS - len(sight.done_nodes) + (sight.last != last) for sight in sockets)
    back = sum(b <= a for sight in sockets for a, b in zip(sight.seen, sight.seen[1:], strict=False))
    hung_up = [sight.hung_up for sight in sights]
    how = (
        f"{last:,} events; {len(streams)} watchers by SSE and {len(sockets)} by socket, cut off {min(hung_up)} to "
        f"{max(hung_up)} times each; Valkey killed -9 at event {killed_at:,}"
    )
    by_socket = "steps never told as done, or an end not seen; a socket sends what it finds together"
    return [
        Figure("replay", "events missing, by SSE", missing, 0, "", how),
        Figure("replay", "events twice, by SSE", twice, 0, "", "the same watchers"),
        Figure("replay", "missing, by socket", untold, 0, "", by_socket),
        Figure("replay", "sent again, by socket", back, 0, "", "messages whose cursor is not past the one before"),
    ]


async def _watch(site: Site, workflow: str) -> tuple[list[Sight], int, str]:
    rng = random.Random(7)
    watchers = Watchers(site.url, site.token, await asyncio.to_thread(session_cookie), rng)
    run = await asyncio.to_thread(site.post, f"/api/v1/workflows/{workflow}/runs")
    sights = [Sight(run["id"], by) for by in ("sse", "socket") for _ in range(WATCHERS_OF_A_KIND)]
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        broken = group.create_task(_break_queue(sights))
        for sight in sights:
            group.create_task(_restless(watchers, sight, run["url"], random.Random(rng.random())))
    await watchers.http.aclose()
    return sights, broken.result(), run["id"]


async def _restless(watchers: Watchers, sight: Sight, page: str, rng: random.Random) -> None:
    """Look, be cut off, come back, until the end was seen."""
    while not sight.done:
        patience = rng.uniform(0.1, 1.5) if sight.hung_up < HANG_UPS else PATIENCE_S
        try:
            await asyncio.wait_for(watchers.look(sight, page), patience)
        except CUT_OFF:
            sight.hung_up += 1
            await asyncio.sleep(rng.uniform(0, 0.2))


async def _break_queue(sights: list[Sight]) -> int:
    """Kill Valkey once half of the events were seen; answers which event that was. The supervisor starts it again."""
    while (seen := max(sight.last for sight in sights)) < STEPS:
        await asyncio.sleep(0.02)
    parts: dict[str, Any] = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    os.kill(int(parts["valkey"]["pid"]), signal.SIGKILL)
    return seen
