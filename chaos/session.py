"""One session: load and breaking at the same time, then quiet, then judgement."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection

from chaos.breaker import Breaker
from chaos.judge import judge, live_count, recoveries_of
from chaos.load import Load
from chaos.report import report_make
from chaos.watchers import Watchers
from deploy.stack.application import answers

CUSTOMERS = 10
# How long everything may take to come to rest once nothing is broken any more.
QUIET_WITHIN_S = 120.0


@dataclass(frozen=True)
class Place:
    """Where a session happens: a site, a token, a signed-in cookie, and a workflow to run graphs on."""

    url: str
    token: str
    cookie: str
    workflow: str


async def session(
    place: Place, breaker: Breaker, plan: list[tuple[float, str]], *, seed: int, seconds: float
) -> dict[str, Any]:
    """Break things for ``seconds`` by ``plan``; answers the report."""
    rng = random.Random(seed)
    watchers = Watchers(place.url, place.token, place.cookie, random.Random(rng.random()))
    load = Load(place.url, place.token, place.workflow, watchers, rng)
    customers = [asyncio.create_task(load.customer()) for _ in range(CUSTOMERS)]
    begun = time.monotonic()
    await breaker.carry_out(plan)
    await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
    broken_until = time.monotonic()
    load.stopping = True
    await asyncio.to_thread(_await_quiet, place.url)
    quiet_s = time.monotonic() - broken_until
    watchers.deadline = time.monotonic() + 20
    # Watchers and the last POSTs come to their end; an error in one of them is an error of the session.
    await asyncio.wait_for(asyncio.gather(*customers), 120)
    await asyncio.to_thread(_await_quiet, place.url)
    await load.http.aclose()
    await watchers.http.aclose()

    def conclude() -> dict[str, Any]:
        with contextlib.closing(connection):
            recoveries = recoveries_of([(one.at, one.kind) for one in breaker.done])
            return report_make(
                seed=seed,
                seconds=seconds,
                quiet_s=quiet_s,
                breaks=breaker.done,
                promises=load.promises,
                sights=watchers.sights,
                recoveries=recoveries,
                verdicts=judge(load.promises, watchers.sights, recoveries),
            )

    return await asyncio.to_thread(conclude)


def _await_quiet(url: str) -> None:
    """Wait until nothing is under way, or until patience ends: then the judge says what is stuck."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        # Closed each time: while PostgreSQL is down or just back, the old connection is of no use.
        with contextlib.suppress(OperationalError), contextlib.closing(connection):
            if answers(f"{url}/healthz") and live_count() == 0:
                return
        time.sleep(0.5)
