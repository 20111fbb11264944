"""What waits and who works, at this moment: each part with a time limit of its own, since this is read in trouble."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from apps.common.lanes import BEAT_EVERY_S, BEAT_KEY
from apps.common.tenancy import unscoped

log = structlog.get_logger(__name__)
REDIS_S = 1.0
WORKERS_S = 2.5
BEAT_LATE_S = 6 * BEAT_EVERY_S

_STEPS = """
    SELECT lane, count(*), min(dispatched_at) FROM runs_step
    WHERE lane IN ('io', 'work') AND state = 'ready' AND dispatched_at IS NOT NULL GROUP BY lane
"""
_CALLS = """
    SELECT count(*), min(poll_after) FROM generations_generation
    WHERE state IN ('prepared', 'submitting', 'submitted', 'running', 'unknown') AND poll_after < now()
"""


@dataclass(frozen=True)
class Queue:
    """One queue. ``length``: messages; ``steps``: what waits in its lane, the oldest since ``oldest``."""

    name: str
    length: int | None
    steps: int | None = None
    oldest: datetime | None = None


@dataclass(frozen=True)
class Task:
    """What a worker is at."""

    name: str
    about: str
    seconds: float | None


@dataclass(frozen=True)
class Worker:
    """A worker that answered."""

    name: str
    tasks: list[Task]


@dataclass(frozen=True)
class Look:
    """Everything of the page. ``redis``: whether it answered in time; ``workers``: None when nobody could be asked."""

    at: datetime
    redis: bool
    queues: list[Queue]
    workers: list[Worker] | None
    calls: int
    calls_oldest: datetime | None
    beat_at: datetime | None

    @property
    def beat_late(self) -> bool:
        """Whether the scheduler has not been heard for long."""
        return self.beat_at is None or (self.at - self.beat_at).total_seconds() > BEAT_LATE_S


def queues_look() -> Look:
    """Ask everybody at once; whoever does not answer in time is shown so."""
    pool = ThreadPoolExecutor(max_workers=2)
    workers, lengths = pool.submit(_workers), pool.submit(_redis)
    with unscoped("the console looks at every workspace"), connection.cursor() as cursor:
        cursor.execute(_STEPS)
        steps = {f"{lane}-steps": (count, oldest) for lane, count, oldest in cursor.fetchall()}
        cursor.execute(_CALLS)
        calls, calls_oldest = cursor.fetchone()
    told = _answer(lengths, 2 * REDIS_S)
    names = [str(queue.name) for queue in current_app.conf.task_queues]
    found = told[0] if told else dict.fromkeys(names)
    queues = [
        Queue(name, found.get(name), *steps.get(name, (0 if name.endswith("steps") else None, None))) for name in names
    ]
    look = Look(
        timezone.now(), told is not None, queues, _answer(workers, WORKERS_S), calls, calls_oldest, told and told[1]
    )
    pool.shutdown(wait=False, cancel_futures=True)
    return look


def _answer(asked: Any, seconds: float) -> Any:
    try:
        return asked.result(timeout=seconds)
    except Exception as error:  # whatever is wrong with a part is the answer
        log.warning("part not asked", action="queues_look", error=repr(error)[:200])
        return None


def _redis() -> tuple[dict[str, int], datetime | None]:
    """Lengths by queue, and when the scheduler was last heard."""
    names = [str(queue.name) for queue in current_app.conf.task_queues]
    prefix = current_app.conf.broker_transport_options.get("global_keyprefix", "")
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S)
    with client, client.pipeline(transaction=False) as asked:
        for name in names:
            asked.llen(f"{prefix}{name}")
        lengths = dict(zip(names, asked.execute(), strict=True))
    ticked = cache.get(BEAT_KEY)
    return lengths, datetime.fromtimestamp(ticked, UTC) if ticked else None


def _workers() -> list[Worker]:
    answers = current_app.control.inspect(timeout=1).active() or {}
    return [Worker(name, [_task(one) for one in tasks]) for name, tasks in sorted(answers.items())]


def _task(one: Any) -> Task:
    began = one.get("time_start")
    about = " ".join(str(value) for value in (one.get("kwargs") or {}).values())[:80]
    seconds = timezone.now().timestamp() - began if began else None
    return Task(str(one.get("name", "")).rpartition(".")[2], about, seconds)
