"""Renewing a claim while its holder works, so that a claim can be short and a long piece of work still keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import connection

log = structlog.get_logger(__name__)


@contextmanager
def heartbeat(renew: Callable[[], object], *, every_s: float) -> Iterator[None]:
    """Call ``renew`` every ``every_s`` seconds until the block ends, from a thread with a connection of its own."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(every_s):
            try:
                renew()
            except Exception:  # the database may be restarting; the next beat tries again
                log.warning("heartbeat failed", action="heartbeat", exc_info=True)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
