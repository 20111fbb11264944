"""How fast runs are: `chain`, `first_step`, `live`."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import datetime
from typing import Any
from uuid import UUID

import websockets

from bench.report import Figure, median, percentile
from bench.site import Site, chain, fresh
from bench.split import Split, executed, split_measure

WATCHERS = 50
ENDED = re.compile(r'<run-status [^>]*state="completed"')
CURSOR = re.compile(r'data-run-cursor="(\d+)"')


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def milliseconds(run: dict[str, Any], begin: str = "started_at", end: str = "committed_at") -> float:
    """How long a run took, from its driver's first moment until its end was committed."""
    return (_time(run[end]) - _time(run[begin])) * 1000


def measured(site: Site, graph: dict[str, Any], count: int) -> tuple[list[float], Split]:
    """How long runs of a graph take that do everything, and where that goes; after one run to warm up."""
    workflow = site.workflow(graph)
    runs = [site.run_to_end(workflow) for _ in range(count + 1)][1:]
    executed([UUID(run["id"]) for run in runs])
    queue = median([milliseconds(run, "created_at", "started_at") for run in runs])
    return [milliseconds(run) for run in runs], split_measure(workflow, queue)


def bench_chain(site: Site) -> list[Figure]:
    """100 steps in a row, journalled: from the run's start to its finish."""
    took, split = measured(site, chain(100), 30)
    how = "median of 30 runs, until the end is committed, after one to warm up"
    return [Figure("chain", "100 steps, start to finish", median(took), 20, "ms", how), split.figure("chain")]


def bench_first_step(site: Site) -> list[Figure]:
    """From the answer to POST … until the first step started (by its event; before the answer counts as 0)."""
    workflow = site.workflow(chain(1))
    took = []
    for _ in range(101):
        run = site.post(f"/api/v1/workflows/{workflow}/runs", {"variables": fresh()})
        answered = time.time()
        site.await_end(run["id"])
        events = site.get(f"/api/v1/runs/{run['id']}/events?format=json")["items"]
        started = next(event for event in events if event["kind"] == "step_started")
        took.append(max(0.0, (_time(started["at"]) - answered) * 1000))
    how = "100 runs of one step, one after the other, after one to warm up"
    return [
        Figure("first_step", "POST answered → first step, p50", median(took[1:]), 10, "ms", how),
        Figure("first_step", "POST answered → first step, p95", percentile(took[1:], 95), 40, "ms", how),
    ]


def bench_live(site: Site) -> list[Figure]:
    """50 sockets watch one run of 60 steps of 120 ms: from a step's commit until its fragment is on each socket."""
    workflow = site.workflow(chain(60, sleep_ms=120))
    delays = asyncio.run(_watch(site, workflow))
    how = f"{len(delays)} fragments on {WATCHERS} sockets, against the newest event each carries"
    return [Figure("live", "step committed → fragment, p95", percentile(delays, 95), 250, "ms", how)]


async def _watch(site: Site, workflow: str) -> list[float]:
    cookie = await asyncio.to_thread(session_cookie)
    run = await asyncio.to_thread(site.post, f"/api/v1/workflows/{workflow}/runs")
    seen: list[tuple[int, float]] = []
    await asyncio.gather(*(_watcher(site, run["id"], cookie, seen) for _ in range(WATCHERS)))
    events = (await asyncio.to_thread(site.get, f"/api/v1/runs/{run['id']}/events?format=json"))["items"]
    at = {event["seq"]: _time(event["at"]) for event in events}
    return [max(0.0, (received - at[seq]) * 1000) for seq, received in seen]


async def _watcher(site: Site, run_id: str, cookie: str, seen: list[tuple[int, float]]) -> None:
    url = f"{site.url.replace('http', 'ws', 1)}/ws/w/demo/runs/{run_id}/"
    async with websockets.connect(url, additional_headers={"Cookie": cookie}, origin=site.url) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"after": 0}))
        # What was there before this watcher came is not news; it begins to count with the second message.
        first = True
        while True:
            text: Any = await asyncio.wait_for(socket.recv(), 30)
            received = time.time()
            found = CURSOR.search(text)
            if found and not first:
                seen.append((int(found[1]), received))
            first = False
            if ENDED.search(text):
                return


def session_cookie() -> str:
    """A signed-in session of the demo person."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.cached_db import SessionStore

    from apps.console.demo import demo_user

    user = demo_user()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
