"""What is broken, and when: a plan drawn from a seed, and the signals that carry it out."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import redis.asyncio as redis

from deploy.stack.layout import Layout
from deploy.stack.supervisor import read_state

# Longer than a driver's lease (10 s) and a step's (12 s): who wakes up then is a zombie.
FREEZE_S = 16.0
KILLS = ("kill control", "kill io", "kill work", "kill web", "kill beat")
STORES = ("kill postgres", "kill valkey", "flush valkey")
FREEZES = ("freeze control", "freeze io", "freeze work")


@dataclass
class Break:
    """One thing that was broken. Times in seconds since the epoch; ``back`` is when the part ran again."""

    kind: str
    at: float
    back: float | None = None


def plan_draw(rng: random.Random, seconds: float, kinds: tuple[str, ...]) -> list[tuple[float, str]]:
    """When to break what: every 5–15 s, each kind once before any comes again."""
    return list(_plan(rng, seconds, kinds))


def _plan(rng: random.Random, seconds: float, kinds: tuple[str, ...]) -> Iterator[tuple[float, str]]:
    bag: list[str] = []
    at = rng.uniform(3, 6)
    while at < seconds:
        bag = bag or rng.sample(kinds, len(kinds))
        yield at, bag.pop()
        at += rng.uniform(5, 15)


class Breaker:
    """Breaks the parts of one stack; the supervisor of that stack mends them."""

    def __init__(self, layout: Layout, redis_url: str) -> None:
        self.layout = layout
        self.redis_url = redis_url
        self.done: list[Break] = []
        self._mending: set[asyncio.Task[None]] = set()

    async def carry_out(self, plan: list[tuple[float, str]]) -> None:
        """Break what the plan says when it says so; returns when all parts that were broken run again."""
        begun = time.monotonic()
        for at, kind in plan:
            await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
            await self.break_one(kind)
        await self.settle()

    async def break_one(self, kind: str) -> None:
        """Break one thing now."""
        verb, part = kind.split()
        record = Break(kind, time.time())
        self.done.append(record)
        print(f"  {kind}", flush=True)
        if verb == "flush":
            async with redis.from_url(self.redis_url) as client:
                with contextlib.suppress(redis.RedisError):  # it may be down already
                    await client.flushall()
            record.back = time.time()
            return
        work = self._freeze(record, part) if verb == "freeze" else self._kill(record, part)
        task = asyncio.create_task(work)
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def settle(self) -> None:
        """Wait for what was broken to run again."""
        await asyncio.gather(*self._mending)

    def _pid(self, part: str) -> int:
        return int(read_state(self.layout)["parts"][part]["pid"])

    async def _kill(self, record: Break, part: str) -> None:
        pid = self._pid(part)
        if part == "postgres":
            # Immediate shutdown: no goodbye to clients, no checkpoint; the next start recovers from the log.
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).send_signal(signal.SIGQUIT)
        else:
            _signal_family(pid, signal.SIGKILL)
        while not self._runs(part, not_pid=pid):
            await asyncio.sleep(0.1)
        record.back = time.time()

    def _runs(self, part: str, *, not_pid: int) -> bool:
        found = read_state(self.layout).get("parts", {}).get(part, {})
        return bool(found.get("state") == "running" and found["pid"] != not_pid)

    async def _freeze(self, record: Break, part: str) -> None:
        pid = self._pid(part)
        _signal_family(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(FREEZE_S)
        finally:
            _signal_family(pid, signal.SIGCONT)
        record.back = time.time()


def _signal_family(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and its children, the children first."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                one.send_signal(number)
