"""Looking after submitted jobs: one turn at a time, one event loop, many jobs. A waiting job holds no worker.

A turn claims what is due, asks, applies, and claims again, until nothing is due; so one process keeps up with as many
jobs as it can ask, and an idle site costs one query a second. Several processes share the work by skipping each
other's claims. Figures and reasons: docs/decisions/0022-poller.md.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import cache
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Event, Lock
from uuid import UUID

import httpx
import structlog
from anyio.from_thread import start_blocking_portal
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.common.tenancy import unscoped
from apps.generations.accounts import accounts_of, provider_of
from apps.generations.execution import timing
from apps.generations.execution.answers import (
    apply_job,
    apply_no_job,
    apply_no_record,
    is_under_way,
    looks_keep,
)
from apps.generations.execution.following import Next, following
from apps.generations.execution.submission import submitted
from apps.generations.models import POLLED, Generation
from apps.providers.base import Credentials, Job, ProviderError
from apps.providers.registry import provider_get

log = structlog.get_logger(__name__)
# Looks under way at once: enough for 10,000 jobs at 30 s each where a vendor takes half a second to answer.
AT_ONCE = 200
# Answers are applied, and the next rows claimed, this often: one statement then serves many rows.
PACE_S = 0.1
# A turn ends after this long even if more is due, so that a worker told to stop does not wait for it.
TURN_S = 5.0
TIMEOUT = httpx.Timeout(8.0, connect=4.0)
# What a look needs; the rest of a row (what was asked) may be long.
UNUSED = ("params", "inputs", "prompt", "outputs", "error", "error_detail", "request_digest")
Answer = Job | ProviderError | None
Look = tuple[Generation, Answer]

_wanted = Event()
_turn = Lock()


def poll_due(clock: Callable[[], datetime] = timezone.now) -> Iterator[Next]:
    """Look at every job that is due, and yield what follows for each as soon as it is known.

    While another thread of this process is at it, this only makes sure that it looks once more.
    """
    _wanted.set()
    until = time.monotonic() + TURN_S
    while _wanted.is_set() and time.monotonic() < until and _turn.acquire(blocking=False):
        with ExitStack() as turn:
            turn.callback(_turn.release)
            _wanted.clear()
            yield from _take_turn(clock, until, turn)


def _take_turn(clock: Callable[[], datetime], until: float, turn: ExitStack) -> Iterator[Next]:
    rows = _claim(clock(), AT_ONCE)
    if not rows:
        return
    answers: SimpleQueue[Look] = SimpleQueue()
    clients = Clients()
    later: dict[float, Next] = {}
    over: Next | None = Next("poll", rows[0].workspace_id, rows[0].id)
    flying = 0
    # The event loop has a thread of its own and never touches the database; this thread does, on one connection.
    with start_blocking_portal() as portal:
        while rows or flying:
            if rows:
                portal.start_task_soon(_ask_all, rows, accounts_of(rows), clients, answers)
            flying += len(rows)
            looks = _arrived(answers, flying)
            flying -= len(looks)
            for found in _apply_all(looks):
                if found.act == "poll":
                    later[round((time.monotonic() + found.after_s) * 4)] = found
                else:
                    yield found
            in_time = time.monotonic() < until
            rows = _claim(clock(), AT_ONCE - flying) if in_time else []
            if not in_time and over is not None:
                # The next turn may begin while the last answers of this one arrive.
                turn.close()
                yield over
                over = None
        portal.call(clients.close)
    yield from _kicks(later)


def _kicks(later: dict[float, Next]) -> Iterator[Next]:
    """What is due soon: one look per quarter second."""
    now = time.monotonic()
    for slot, found in later.items():
        if slot / 4 >= now:
            yield Next(found.act, found.workspace_id, found.generation_id, after_s=slot / 4 - now)


class Clients:
    """HTTP clients of one turn, each with one connection, by provider; whoever is free is used again.

    httpcore's pool looks at every pair of its connections for each request: at 200 connections that is 15 ms of
    processor per look, against 0.8 ms this way.
    """

    def __init__(self) -> None:
        self._free: dict[str, list[httpx.AsyncClient]] = {}

    @asynccontextmanager
    async def one(self, provider: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile."""
        free = self._free.setdefault(provider, [])
        client = free.pop() if free else httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=_certificates())
        try:
            yield client
        finally:
            free.append(client)

    async def close(self) -> None:
        """Hang up."""
        for client in chain.from_iterable(self._free.values()):
            await client.aclose()


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: that takes longer than a hundred looks."""
    return httpx.create_ssl_context(trust_env=False)


def _claim(now: datetime, count: int) -> list[Generation]:
    """Take the due rows by pushing them into the future; another poller skips what this one holds."""
    rested = Q(polled_at=None) | Q(polled_at__lte=now - timing.POLL_GAP)
    until = now + timing.POLL_CLAIM
    with unscoped("one turn serves every workspace"), transaction.atomic():
        due = Generation.objects.filter(rested, state__in=POLLED, poll_after__lte=now).order_by("poll_after")
        rows = list(due.defer(*UNUSED).select_for_update(skip_locked=True)[:count])
        if rows:
            claimed = Generation.objects.filter(id__in=[row.id for row in rows])
            claimed.update(poll_after=until, polled_at=now, polls=F("polls") + 1)
    for row in rows:
        row.poll_after = until
    return rows


def _arrived(answers: SimpleQueue[Look], flying: int) -> list[Look]:
    """The answers of one pace; fewer when there are no more to come."""
    looks: list[Look] = []
    until = time.monotonic() + PACE_S
    while len(looks) < flying:
        try:
            looks.append(answers.get(timeout=max(0.0, until - time.monotonic())))
        except Empty:
            break
    return looks


async def _ask_all(
    rows: list[Generation], accounts: dict[UUID, Credentials], clients: Clients, answers: SimpleQueue[Look]
) -> None:
    async def ask(row: Generation) -> None:
        answers.put((row, await _ask_one(row, accounts[row.id], clients)))

    await asyncio.gather(*(ask(row) for row in rows))


async def _ask_one(row: Generation, account: Credentials, clients: Clients) -> Answer:
    """The job; None when the provider has no record of a lost submission; a ProviderError instead of raising it."""
    try:
        provider = provider_get(row.provider, account)
        if row.provider_request_id is None:
            return await asyncio.to_thread(provider.find, str(row.id))
        async with clients.one(row.provider) as client:
            return await provider.poll(client, row.provider_request_id, row.provider_urls)
    except ProviderError as error:
        return error
    except Exception as error:
        # One broken answer must not stop the look at the others.
        log.exception("poll broke", action="generations_poll", generation=str(row.id))
        return ProviderError("unavailable", str(error))


def _apply_all(looks: list[Look]) -> Iterator[Next]:
    """Most looks find a job under way: those are written together. What ends or begins something goes one by one."""
    now = timezone.now()
    rows = looks_keep([look for look in looks if is_under_way(*look)], now)
    for row in rows:
        if (found := following(row, now)) is not None:
            yield found
    for row, answer in looks:
        if not is_under_way(row, answer) and (found := _apply(row, answer)) is not None:
            yield found


def _apply(row: Generation, answer: Answer) -> Next | None:
    now = timezone.now()
    try:
        if isinstance(answer, ProviderError):
            apply_no_job(row, answer, now)
        elif answer is None:
            apply_no_record(row, lookup_complete=provider_of(row).lookup_complete, now=now)
        elif row.provider_request_id is None:
            submitted(row, answer, now)
            row.refresh_from_db()
        else:
            apply_job(row, answer, now)
    except DatabaseError:
        raise
    except Exception:
        # One row that cannot be brought forward must not stop the others; it is looked at again when its claim ends.
        log.exception("look not applied", action="generations_poll", generation=str(row.id))
        return None
    return following(row, timezone.now())
