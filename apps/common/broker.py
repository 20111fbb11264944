"""Kombu's Redis transport, with one client for each channel, and channels that say when they are closed.

Kombu makes a client for each thing it says to Redis (to take, to acknowledge, to send), which builds a table of more
than a hundred entries each time: an eighth of what a driver did for a small run. A client holds no state but its pool.

A channel that was closed under its user fails in kombu with an AttributeError, which nobody takes for a lost
connection: a scheduler whose broker was still loading when it connected again sent nothing any more, and a worker whose
broker went away while it closed ended.
"""

from __future__ import annotations

from typing import Any

from amqp import RecoverableConnectionError
from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that keeps its client for as long as its pool."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RecoverableConnectionError("channel disconnected")  # what kombu's own declarations say of it
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        kept = self._kept
        if kept is None or kept.connection_pool is not self.pool:
            kept = self._kept = super()._create_client()  # type: ignore[misc]
        return kept


class Transport(redis.Transport):
    """Channels as above."""

    Channel = Channel
