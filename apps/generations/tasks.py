"""Celery shells of the life cycle. Ids at most; the loop "what is next" closes here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apps.common.lanes import lane_task, messages_wanted
from apps.generations.execution import claims
from apps.generations.execution.cancellation import send_cancel
from apps.generations.execution.collection import collect
from apps.generations.execution.following import Next
from apps.generations.execution.submission import place_fill
from apps.generations.execution.sweeping import sweep

# A tick that could not run in its time is worth nothing: the next one does its work.
BEAT: dict[str, dict[str, Any]] = {
    "generations-poll": {
        "task": "apps.generations.tasks.generations_poll",
        "schedule": 1.0,
        "options": {"expires": 3},
    },
    "generations-dispatch": {
        "task": "apps.generations.tasks.generations_dispatch",
        "schedule": 1.0,
        "options": {"expires": 3},
    },
    "generations-sweep": {
        "task": "apps.generations.tasks.generations_sweep",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
}


@lane_task("io-submits")
def generation_submit(**_: object) -> None:
    """A place for calls that are to be sent: the fairest first."""
    for found in place_fill(submissions_call):
        hand_out(found)


def submissions_call() -> None:
    """Let a free place look, where calls wait and not enough messages say so already."""
    if (waiting := claims.waiting_count()) > 0:
        for _message in range(messages_wanted("io-submits", waiting)):
            generation_submit.delay()


@lane_task("io")
def generation_collect(*, workspace_id: str, generation_id: str, **_: object) -> None:
    """Copy a finished job's outputs and settle it."""
    collect(workspace_id=UUID(workspace_id), generation_id=UUID(generation_id))
    submissions_call()


@lane_task("io")
def generation_cancel_send(*, workspace_id: str, generation_id: str, **_: object) -> None:
    """Ask the provider to stop."""
    hand_out(send_cancel(workspace_id=UUID(workspace_id), generation_id=UUID(generation_id)))


@lane_task("control")
def generations_poll(**_: object) -> None:
    """Look at every job that is due."""
    from apps.generations.execution.polling import poll_due  # httpx and anyio: only a worker that polls holds them

    for found in poll_due():
        hand_out(found)


@lane_task("control")
def generations_dispatch(**_: object) -> None:
    """Call where calls wait and nobody is called; tell those that wait for a place of their workspace."""
    claims.waiting_tell()
    submissions_call()


@lane_task("control")
def generations_sweep(**_: object) -> None:
    """Make up for lost messages, dead workers and passed deadlines."""
    hand_out(*sweep())


def hand_out(*following: Next | None) -> None:
    """Enqueue what is next; polls of the same moment become one."""
    found = [one for one in following if one is not None]
    for one in found:
        if one.act == "submit":
            generation_submit.apply_async(countdown=one.after_s or None)
        elif one.act != "poll":
            ids = {"workspace_id": str(one.workspace_id), "generation_id": str(one.generation_id)}
            _TASKS[one.act].apply_async(kwargs=ids, countdown=one.after_s or None)
    for moment in _moments(one.after_s for one in found if one.act == "poll"):
        generations_poll.apply_async(countdown=moment)


def _moments(waits: Iterable[float]) -> list[float]:
    """Seconds from now at which a look is worth it: a look at T also serves what was due a quarter second before."""
    slots = {round(wait * 4 + 0.5) / 4 for wait in waits}
    return sorted(slots)


_TASKS: dict[str, Any] = {
    "collect": generation_collect,
    "cancel": generation_cancel_send,
}
