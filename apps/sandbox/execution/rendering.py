"""Rendering one job under a lease: progress renews it, and whoever lost it writes nothing."""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.sandbox.execution.ending import job_end
from apps.sandbox.execution.making import Made, MakingFailed, make
from apps.sandbox.models import Job, JobOutput, JobState

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=15)
PROGRESS_EVERY_S = 0.25
TRIES_MAX = 5
OUTPUT_LIFE = timedelta(hours=1)


class Stopped(Exception):
    """The job was cancelled, or another renderer has taken it."""


def job_render(job_id: UUID) -> str | None:
    """Render a due job nobody holds. Answers the id of the webhook delivery to send, if any."""
    job = _claim(job_id)
    if job is None:
        return None
    try:
        if job.fence > TRIES_MAX:
            raise MakingFailed("failed", "The renderer broke down again and again.")
        with tempfile.TemporaryDirectory(prefix="millrace-sandbox-") as folder:
            made = make(job, Path(folder), Lease(job).progress)
            return _finish(job, made)
    except Stopped:
        log.info("render stopped", action="sandbox_render", job=str(job_id))
        return None
    except MakingFailed as error:
        return _fail(job, error.code, str(error))
    except Exception:
        log.exception("render broke", action="sandbox_render", job=str(job_id))
        return _fail(job, "failed", "The renderer broke down.")


class Lease:
    """Writes progress at most four times a second; each write renews the lease and notices a cancel."""

    def __init__(self, job: Job) -> None:
        self._job, self._written = job, time.monotonic()

    def progress(self, part: float) -> None:
        """Tell that ``part`` (0..1) is done; raises Stopped when the job is no longer ours."""
        if time.monotonic() - self._written < PROGRESS_EVERY_S:
            return
        self._written = time.monotonic()
        if not _mine(self._job).update(progress=part, text=self._job.text, lease_until=timezone.now() + LEASE):
            raise Stopped


def _mine(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(id=job.id, state=JobState.RUNNING, fence=job.fence)


def _claim(job_id: UUID) -> Job | None:
    now = timezone.now()
    free = Q(state=JobState.QUEUED, due_at__lte=now) | Q(state=JobState.RUNNING, lease_until__lt=now)
    claimed = Job.objects.filter(free, id=job_id).update(
        state=JobState.RUNNING,
        started_at=Coalesce(F("started_at"), now),
        fence=F("fence") + 1,
        lease_until=now + LEASE,
    )
    return Job.objects.get(id=job_id) if claimed else None


def _finish(job: Job, made: list[Made]) -> str | None:
    """Store the files, then tell: in one transaction, unless a cancel was faster."""
    keys = [f"sandbox/{job.id}/{job.fence}/{one.path.name}" for one in made]
    for key, one in zip(keys, made, strict=True):
        with one.path.open("rb") as file:
            default_storage.save(key, File(file))
    now = timezone.now()
    with transaction.atomic():
        held = _mine(job).select_for_update().first()
        if held is not None:
            rows = zip(keys, made, strict=True)
            JobOutput.objects.bulk_create(_row(held, *row, position=i) for i, row in enumerate(rows))
            held.logs, held.text = job.logs, job.text
            delivery = job_end(held, JobState.SUCCEEDED, now=now)
            return str(delivery.id) if delivery else None
    for key in keys:
        default_storage.delete(key)
    raise Stopped


def _row(job: Job, key: str, one: Made, *, position: int) -> JobOutput:
    return JobOutput(
        job=job,
        position=position,
        key=key,
        filename=one.path.name,
        content_type=one.content_type,
        size=one.path.stat().st_size,
        expires_at=timezone.now() + OUTPUT_LIFE,
    )


def _fail(job: Job, code: str, message: str) -> str | None:
    with transaction.atomic():
        held = _mine(job).select_for_update().first()
        if held is None:
            return None
        held.logs = job.logs
        delivery = job_end(held, JobState.FAILED, now=timezone.now(), code=code, message=message)
    return str(delivery.id) if delivery else None
