"""What a provider said about a job, applied to its row: by the answer to our POST, by a poll, by ``find``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from apps.generations import events
from apps.generations.execution import timing
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.models import POLLED, Generation, GenerationState
from apps.providers.base import Job, ProviderError

STATE = GenerationState


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
        _underway(generation, job, now)
    generation.refresh_from_db()


def apply_poll_error(generation: Generation, error: ProviderError, now: datetime) -> None:
    """A look that failed. A job the provider no longer knows is over; anything else passes or meets the deadline."""
    if error.code == "not_found" and error.permanent and generation.provider_request_id:
        settle_without_charge(generation, STATE.FAILED, code="not_found", detail=str(error), permanent=True, now=now)
    else:
        look_later(generation, now)
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
        look_later(generation, now)
    generation.refresh_from_db()


def look_later(generation: Generation, now: datetime, *, at_least_s: float = 0.0) -> None:
    """Set the next look."""
    began = generation.started_at or generation.submitted_at or generation.created_at
    wait = timing.poll_backoff(generation.polls, progress=generation.progress, running_for=now - began)
    poll_after = now + max(wait, timedelta(seconds=at_least_s))
    _rows(generation).update(poll_after=poll_after)


def _rows(generation: Generation) -> Any:
    rows = Generation.objects.for_workspace(generation.workspace_id)
    return rows.filter(id=generation.id, state__in=POLLED)


def _underway(generation: Generation, job: Job, now: datetime) -> None:
    running = job.state == "running"
    seen: dict[str, Any] = {
        "state": STATE.RUNNING if running else STATE.SUBMITTED,
        "progress": job.progress,
        "progress_message": job.message[:200],
    }
    if running and generation.started_at is None:
        seen["started_at"] = now
    changed = {name: value for name, value in seen.items() if getattr(generation, name) != value}
    generation.progress = job.progress
    generation.started_at = seen.get("started_at", generation.started_at)
    look_later(generation, now, at_least_s=job.poll_after_s)
    if changed and _rows(generation).update(**changed):
        events.progressed(generation)


def _delivered(generation: Generation, job: Job, now: datetime) -> None:
    """Remember what was made; it is a success only once we hold a copy."""
    before = generation.delivery or {}
    delivery = {
        "outputs": [asdict(output) for output in job.outputs],
        "actual_cost": job.actual_cost,
        "stored": before.get("stored", {}),
        "tries": before.get("tries", 0),
    }
    _rows(generation).update(
        delivery=delivery,
        provider_urls=dict(job.urls) or generation.provider_urls,
        poll_after=now + timing.COLLECT_HANDED,
    )
