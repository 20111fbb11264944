"""Pokes: a tiny message on the channel layer that says "look again". The rows are the truth; a poke may be lost."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)


@cache
def publisher() -> redis.Redis:
    """A client for short commands of this process, with connections that are kept."""
    # After a restart of the server each pooled connection is stale once: tried again at once, on a new one.
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=retry)


def poke_now(group: str, **ids: Any) -> None:
    """Publish at once.

    The channel layer's own ``group_send`` is a coroutine; from sync code it would start an event loop and a
    connection per call, so this writes the layer's message through a pooled client.
    """
    layer: Any = get_channel_layer()
    message = layer.serialize({"type": "poke", **{key: str(value) for key, value in ids.items()}})
    # Not layer.prefix: the layer looks that up on the running event loop, and here there is none.
    prefix = settings.CHANNEL_PREFIX
    try:
        publisher().publish(f"{prefix}__group__{group}", message)
    except redis.RedisError as error:
        log.warning("poke lost", action="poke", group=group, error=str(error))


def poke(group: str, **ids: Any) -> None:
    """Publish when the running transaction commits (at once outside of one)."""
    transaction.on_commit(lambda: poke_now(group, **ids))
