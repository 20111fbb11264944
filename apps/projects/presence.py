"""Who else looks at a workflow and where: relayed over the channel layer, thinned out, kept nowhere."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

# A hand moves smoothly at this pace and costs little.
EVERY_S = 0.1
# Who was silent this long is gone; everybody repeats themselves well within it.
GONE_AFTER_S = 35.0
SELECTED_MAX = 200
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")

Peer = dict[str, Any]


def cursor_read(value: Any) -> dict[str, float] | None:
    """A place on the canvas from outside, or None for anything else."""
    if not isinstance(value, dict):
        return None
    place = (value.get("x"), value.get("y"))
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in place):
        return None
    return {"x": round(float(value["x"]), 1), "y": round(float(value["y"]), 1)}


def selected_read(value: Any) -> list[str]:
    """Ids of nodes and edges from outside; what is none is left out."""
    ids = value if isinstance(value, list) else []
    return [one for one in ids[:SELECTED_MAX] if isinstance(one, str) and _ID.match(one)]


class Thinned:
    """Calls ``act`` soon after each call, at most every ``EVERY_S``, and always once more after the last."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act
        self._due = False
        self._next = 0.0
        self._task: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        self._due = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """Forget what is due."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due:
            await asyncio.sleep(max(0.0, self._next - loop.time()))
            self._due = False
            self._next = loop.time() + EVERY_S
            await self._act()


class Peers:
    """The others, as last heard of."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[float, Peer]] = {}

    def hear(self, peer: Peer, now: float) -> bool:
        """Note what a peer said; answers whether they are new here."""
        new = peer["id"] not in self._heard
        self._heard[peer["id"]] = (now, peer)
        return new

    def forget(self, peer_id: str) -> bool:
        """A peer left; answers whether they were here."""
        return self._heard.pop(peer_id, None) is not None

    def expire(self, now: float) -> bool:
        """Drop whoever went silent without a goodbye; answers whether there was one."""
        silent = [key for key, (heard, _) in self._heard.items() if now - heard > GONE_AFTER_S]
        for key in silent:
            self.forget(key)
        return bool(silent)

    def listed(self) -> list[Peer]:
        """Everybody here, in the order they came."""
        return [peer for _, peer in self._heard.values()]
