"""What a process keeps so as not to ask again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values by key, up to ``entries`` of them and ``size`` together; the least recently used is dropped first.

    Without ``size`` nothing has one. Threads may share it.
    """

    def __init__(self, *, entries: int, size: int = 0) -> None:
        self.entries, self.size = entries, size
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K) -> V | None:
        """The value, which counts as used now."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, size: int = 0) -> None:
        """Keep a value in place of the one before."""
        with self._lock:
            old = self._kept.pop(key, None)
            self._used += size - (old[1] if old else 0)
            self._kept[key] = (value, size)
            while len(self._kept) > self.entries or self._used > self.size:
                self._used -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Begin again, as a process that has just started."""
        with self._lock:
            self._kept.clear()
            self._used = 0
