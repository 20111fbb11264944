"""Tasks with their lane: ``control`` (short, always fast), ``io`` (waits for others), ``work`` (needs a processor)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, ParamSpec, Protocol, cast

from celery import current_app, shared_task

P = ParamSpec("P")


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


def lane_length(queue: str) -> int:
    """How many messages wait in a lane, those that a worker has fetched not counted."""
    with current_app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        return int(channel.client.llen(queue))


def lane_task(queue: Literal["control", "io", "work"], **options: Any) -> Callable[[Callable[P, None]], LaneTask[P]]:
    """A shared task bound to its lane. Arguments are ids by keyword; ``**_`` in the task tolerates newer callers."""

    def decorate(function: Callable[P, None]) -> LaneTask[P]:
        make: Callable[..., Any] = shared_task(queue=queue, **options)
        return cast(LaneTask[P], make(function))

    return decorate
