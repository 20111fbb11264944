"""What a provider said about a job, applied to its row: by the answer to our POST, by a poll, by ``find``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.common.tenancy import unscoped
from apps.generations import events
from apps.generations.execution import timing
from apps.generations.execution.inline import stored_already
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.models import POLLED, Generation, GenerationState
from apps.providers.base import Job, ProviderError

STATE = GenerationState
UNDER_WAY = ("submitted", "running")


def apply_job(generation: Generation, job: Job, now: datetime) -> None:
    """Bring the row (submitted, running or unknown) to where the provider's job is. The row object is refreshed."""
    if job.state == "succeeded":
        _delivered(generation, job, now)
    elif job.state == "failed":
        error = job.error or ProviderError("failed", job.message)
        settle_without_charge(
            generation, STATE.FAILED, code=error.code, detail=str(error), permanent=error.permanent, now=now
        )
    elif job.state == "cancelled":
        code = "cancelled" if generation.cancel_requested_at else "cancelled_by_provider"
        settle_without_charge(generation, STATE.CANCELLED, code=code, detail=job.message, now=now)
    else:
        looks_keep([(generation, job)], now)
    generation.refresh_from_db()


def apply_no_job(generation: Generation, error: ProviderError, now: datetime) -> None:
    """The provider no longer knows the job: it is over."""
    settle_without_charge(generation, STATE.FAILED, code="not_found", detail=str(error), permanent=True, now=now)
    generation.refresh_from_db()


def apply_no_record(generation: Generation, *, lookup_complete: bool, now: datetime) -> None:
    """The provider has no record of a submission whose answer was lost.

    Where its lookup is complete, and any POST of ours has long timed out, the order never arrived: it ends here and the
    hold goes back. Nothing is sent again; should a frozen worker still send it, that answer finds the row closed.
    """
    asked = generation.submitted_at or generation.created_at
    if lookup_complete and now - asked >= timing.NEVER_ARRIVED:
        settle_without_charge(generation, STATE.FAILED, code="lost", now=now, only_from=(STATE.UNKNOWN,))
    else:
        until = asked + timing.NEVER_ARRIVED if lookup_complete else None
        look_later(generation, now, until=until)
    generation.refresh_from_db()


def look_later(
    generation: Generation, now: datetime, *, at_least_s: float = 0.0, until: datetime | None = None
) -> None:
    """Set the next look; no later than ``until``."""
    following = _next_look(generation, now, at_least_s)
    _rows(generation).update(poll_after=min(following, until) if until else following)


def is_under_way(generation: Generation, answer: Job | ProviderError | None) -> bool:
    """Whether an answer to a look ends or begins nothing: the job goes on, or the look itself failed and passes.

    Anything that fails a look passes, or meets the deadline, but for a job that the provider no longer knows.
    """
    if isinstance(answer, ProviderError):
        return not (answer.code == "not_found" and answer.permanent and generation.provider_request_id)
    return answer is not None and generation.provider_request_id is not None and answer.state in UNDER_WAY


def looks_keep(looks: Sequence[tuple[Generation, Any]], now: datetime) -> list[Generation]:
    """Write what looks at jobs under way found, in one statement; answers the rows that are still open, updated.

    The next look is set only where the row is due when the looker saw to it: a webhook that came meanwhile said "now".
    """
    found = {row.id: (row, _seen(row, answer, now)) for row, answer in looks}
    if not found:
        return []
    with unscoped("a turn of looks serves every workspace"), connection.cursor() as cursor:
        cursor.execute(_KEEP, [list(column) for column in zip(*(seen for _row, seen in found.values()), strict=True)])
        kept = cursor.fetchall()
    for key, state, progress, message, text, started_at, poll_after in kept:
        row = found[key][0]
        before = (row.state, row.progress, row.progress_message, row.text, row.started_at)
        row.state, row.progress, row.progress_message, row.started_at = state, progress, message, started_at
        row.text, row.poll_after = text, poll_after
        if before != (state, progress, message, text, started_at):
            events.progressed(row)
    return [found[key][0] for key, *_rest in kept]


# NULL as a state: the look failed, and says nothing about the job.
_KEEP = """
    UPDATE generations_generation AS row SET
        state = COALESCE(seen.state, row.state),
        progress = CASE WHEN seen.state IS NULL THEN row.progress ELSE seen.progress END,
        progress_message = COALESCE(seen.message, row.progress_message),
        text = COALESCE(seen.text, row.text),
        started_at = COALESCE(row.started_at, seen.started_at),
        poll_after = CASE WHEN row.poll_after = seen.claimed THEN seen.poll_after ELSE row.poll_after END
    FROM unnest(%s::uuid[], %s::text[], %s::float8[], %s::text[], %s::text[], %s::timestamptz[],
            %s::timestamptz[], %s::timestamptz[])
        AS seen(id, state, progress, message, text, started_at, claimed, poll_after)
    WHERE row.id = seen.id AND row.state IN ('submitted', 'running', 'unknown')
    RETURNING row.id, row.state, row.progress, row.progress_message, row.text, row.started_at,
        row.poll_after
"""


def _seen(row: Generation, answer: Job | ProviderError, now: datetime) -> tuple[Any, ...]:
    """A row of ``seen``."""
    if isinstance(answer, ProviderError):
        later = _next_look(row, now, answer.retry_after_s or 0.0)
        return row.id, None, None, None, None, None, row.poll_after, later
    running = answer.state == "running"
    started_at = row.started_at or (now if running else None)
    later = _next_look(row, now, answer.poll_after_s, began=started_at, progress=answer.progress)
    state = STATE.RUNNING if running else STATE.SUBMITTED
    text = answer.text.replace("\0", "") if answer.text else None
    return row.id, state.value, answer.progress, answer.message[:200], text, started_at, row.poll_after, later


def _next_look(
    row: Generation, now: datetime, at_least_s: float, *, began: datetime | None = None, progress: float | None = None
) -> datetime:
    began = began or row.started_at or row.submitted_at or row.created_at
    progress = row.progress if progress is None else progress
    wait = timing.poll_backoff(row.polls, kind=row.kind, progress=progress, running_for=now - began)
    return now + max(wait, timedelta(seconds=at_least_s))


def _rows(generation: Generation) -> Any:
    rows = Generation.objects.for_workspace(generation.workspace_id)
    return rows.filter(id=generation.id, state__in=POLLED)


def _delivered(generation: Generation, job: Job, now: datetime) -> None:
    """Remember what was made; it is a success only once we hold a copy."""
    before = generation.delivery or {}
    outputs = [{"url": one.url, "content_type": one.content_type, "filename": one.filename} for one in job.outputs]
    delivery = {
        "outputs": outputs,
        "text": job.text,
        "usage": dict(job.usage),
        "stored": {**before.get("stored", {}), **stored_already(job)},
        "tries": before.get("tries", 0),
    }
    _rows(generation).update(
        delivery=delivery,
        provider_urls=dict(job.urls) or generation.provider_urls,
        poll_after=now + timing.COLLECT_HANDED,
    )
