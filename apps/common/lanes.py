"""Tasks with their lane: ``control`` (short, always fast), ``io`` (waits for others), ``work`` (needs a processor).

``starts``, ``io-steps``, ``io-submits``, ``io-exports`` and ``work-steps`` are further queues of the same workers,
which take from them in turn.
Their messages say only "there is something to do"; what, is looked up in PostgreSQL, so a few of them are enough for
any number of steps or runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, ParamSpec, Protocol, cast

import structlog
from celery import current_app, shared_task
from celery.contrib.django.task import DjangoTask
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis import RedisError

from apps.common.live import publisher

log = structlog.get_logger(__name__)
P = ParamSpec("P")
Lane = Literal["control", "starts", "io", "work", "io-steps", "io-submits", "io-exports", "work-steps"]
# So many messages of one queue of steps (or of runs) may wait for a free place. Each that is begun sends another if
# there is more to do, so that a few fill any number of places.
MESSAGES_WAITING = 4


class Message(DjangoTask[..., Any]):
    """A task whose message may be lost, when the queue is down too: rows and sweepers are what makes it happen.

    So whoever sends one has not failed when it cannot be sent, and what else waits for the commit is done.
    """

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        """Send it with options."""
        # Queues are written to by name, so there is nothing to declare, and what is logged of ids are the ids.
        told = {"declare": [], "argsrepr": "()", "kwargsrepr": repr(kwargs or {})}
        try:
            return super().apply_async(args, kwargs, *more, **{**told, **options})
        except OperationalError as error:
            log.warning("message lost", action="message_send", task=self.name, error=str(error))
            return None

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> Any:
        """Send it when the running transaction commits."""
        transaction.on_commit(partial(self.delay, *args, **kwargs), robust=True)


class LaneTask(Protocol[P]):
    """A Celery task as this code uses it: called in place, or sent with the same arguments."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Run it here."""

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Send it now."""

    def delay_on_commit(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send it when the running transaction commits."""

    def apply_async(self, *, kwargs: dict[str, Any] | None = None, countdown: float | None = None) -> Any:
        """Send it with options."""


def lane_length(queue: Lane | str) -> int | None:
    """How many messages wait in this queue; None when it cannot be asked."""
    try:
        prefix = current_app.conf.broker_transport_options["global_keyprefix"]
        return publisher().llen(f"{prefix}{queue}")
    except RedisError as error:
        log.warning("lane not asked", action="lane_length", lane=queue, error=str(error))
        return None


# Where the scheduler says that it lives, and how often.
BEAT_KEY = "beat.tick"
BEAT_EVERY_S = 5.0


def beat_tick() -> None:
    """The scheduler has sent something just now."""
    try:
        cache.set(BEAT_KEY, time.time(), timeout=None)
    except RedisError as error:
        log.warning("tick not noted", action="beat_tick", error=str(error))


def lane_idle(lane: str) -> bool:
    """Whether no message waits in this lane: then a row that was handed out and not begun has lost its own.

    False when the queue cannot be asked.
    """
    return lane_length(lane) == 0


def messages_wanted(queue: str, count: int, *, most: int = MESSAGES_WAITING) -> int:
    """How many of ``count`` messages are of use where each says only "look": those that wait are looks as well."""
    waiting = lane_length(queue)
    return min(count, max(0, most - waiting)) if waiting is not None else min(count, 1)


def lane_task(queue: Lane, **options: Any) -> Callable[[Callable[P, None]], LaneTask[P]]:
    """A shared task bound to its lane. Arguments are ids by keyword; ``**_`` in the task tolerates newer callers."""

    def decorate(function: Callable[P, None]) -> LaneTask[P]:
        make: Callable[..., Any] = shared_task(queue=queue, base=Message, **options)
        return cast(LaneTask[P], make(function))

    return decorate
