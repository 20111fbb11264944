"""Looking after submitted jobs: one claim, one event loop, many jobs. A waiting job holds no worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from queue import SimpleQueue
from threading import Thread

import httpx
import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.common.tenancy import unscoped
from apps.generations.execution import timing
from apps.generations.execution.answers import apply_job, apply_no_record, apply_poll_error
from apps.generations.execution.following import Next, following
from apps.generations.execution.submission import submitted
from apps.generations.models import POLLED, Generation
from apps.providers.base import Job, ProviderError
from apps.providers.registry import provider_get

log = structlog.get_logger(__name__)
BATCH = 200
AT_ONCE = 50
TIMEOUT = httpx.Timeout(8.0, connect=4.0)
Answer = Job | ProviderError | None


def poll_due(now: datetime | None = None) -> list[Next]:
    """Look at every job that is due (at most 200), and return what follows for each."""
    due = _claim(now or timezone.now())
    return [found for generation, answer in _ask(due) if (found := _apply(generation, answer)) is not None]


def _claim(now: datetime) -> list[Generation]:
    """Take the due rows by pushing them into the future; another tick skips what this one holds."""
    rested = Q(polled_at=None) | Q(polled_at__lte=now - timing.POLL_GAP)
    with unscoped("one tick serves every workspace"), transaction.atomic():
        due = Generation.objects.filter(rested, state__in=POLLED, poll_after__lte=now).order_by("poll_after")
        rows = list(due.select_for_update(skip_locked=True)[:BATCH])
        claimed = Generation.objects.filter(id__in=[row.id for row in rows])
        claimed.update(poll_after=now + timing.POLL_CLAIM, polled_at=now, polls=F("polls") + 1)
    return rows


def _ask(rows: list[Generation]) -> Iterator[tuple[Generation, Answer]]:
    """Each row with its provider's answer, as the answers arrive.

    The event loop has a thread of its own and never touches the database; this thread does, in its own connection.
    """
    answers: SimpleQueue[tuple[Generation, Answer]] = SimpleQueue()
    thread = Thread(target=lambda: asyncio.run(_ask_all(rows, answers)), name="generations-poll", daemon=True)
    if rows:
        thread.start()
    for _row in rows:
        yield answers.get()
    if rows:
        thread.join()


async def _ask_all(rows: list[Generation], answers: SimpleQueue[tuple[Generation, Answer]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:

        async def ask(row: Generation) -> None:
            async with slots:
                answers.put((row, await _ask_one(row, client)))

        await asyncio.gather(*(ask(row) for row in rows))


async def _ask_one(row: Generation, client: httpx.AsyncClient) -> Answer:
    """The job; None when the provider has no record of a lost submission; a ProviderError instead of raising it."""
    try:
        provider = provider_get(row.provider)
        if row.provider_request_id is None:
            return await asyncio.to_thread(provider.find, str(row.id))
        return await provider.poll(client, row.provider_request_id, row.provider_urls)
    except ProviderError as error:
        return error
    except Exception as error:
        # One broken answer must not stop the look at the others.
        log.exception("poll broke", action="generations_poll", generation=str(row.id))
        return ProviderError("unavailable", str(error))


def _apply(row: Generation, answer: Answer) -> Next | None:
    now = timezone.now()
    if isinstance(answer, ProviderError):
        apply_poll_error(row, answer, now)
    elif answer is None:
        apply_no_record(row, lookup_complete=provider_get(row.provider).lookup_complete, now=now)
    elif row.provider_request_id is None:
        submitted(row, answer, now)
        row.refresh_from_db()
    else:
        apply_job(row, answer, now)
    return following(row, timezone.now())
