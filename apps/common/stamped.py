"""What every process keeps of a few rows, and how it hears that one has changed: by a stamp in the cache.

A process looks at the stamp every few seconds, before a request or a task; between looks the rows cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from uuid import uuid4

import structlog
from django.core.cache import cache
from django.db import DatabaseError, transaction
from redis import RedisError

log = structlog.get_logger(__name__)


class Stamped:
    """``load`` reads the rows into wherever they are kept; ``every_s`` is how old they may be in any process."""

    def __init__(self, name: str, load: Callable[[], None], every_s: float = 3.0) -> None:
        self.name, self._load, self._every_s = name, load, every_s
        self._lock = Lock()
        self._looked = 0.0
        # The stamp of what this process has loaded; None when it has to load in any case.
        self._known: str | None = ""
        self._loaded = False

    def load(self) -> None:
        """Read the rows now. Where the database does not answer, what was known stays, and is read at the next look."""
        stamp = self._stamp()
        try:
            self._load()
        except DatabaseError as error:
            self._known = None
            log.warning("not read", action="stamped_load", rows=self.name, error=str(error))
            return
        self._known, self._loaded = stamp, True

    def first(self) -> None:
        """Read the rows unless this process has done so."""
        if not self._loaded:
            self.load()

    def unread(self) -> None:
        """Read the rows at the next look, which is due at once."""
        self._known, self._looked = None, 0.0

    def sync(self, **_: Any) -> None:
        """Read the rows anew if one has changed; called before each request and task."""
        if time.monotonic() - self._looked < self._every_s or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked = time.monotonic()
            if self._known is None or self._stamp() != self._known:
                self.load()
        finally:
            self._lock.release()

    def changed(self, **_: Any) -> None:
        """Tell every process that a row was written, once that is committed; this one reads it at once."""
        transaction.on_commit(self._tell)

    def _tell(self) -> None:
        try:
            cache.set(f"stamped.{self.name}", uuid4().hex, timeout=None)
        except RedisError as error:
            log.warning("stamp not set", action="stamped_tell", rows=self.name, error=str(error))
        self.load()

    def _stamp(self) -> str:
        try:
            return str(cache.get(f"stamped.{self.name}") or "")
        except RedisError as error:
            log.warning("stamp not read", action="stamped_sync", rows=self.name, error=str(error))
            return self._known or ""
