"""Rows as the vendor's clients see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.sandbox.models import ENDED, Job, JobState, Submission


def job_document(job: Job, root: str) -> dict[str, Any]:
    """A job; ``root`` is the absolute address of the API's first version."""
    url = f"{root}/jobs/{job.id}"
    return {
        "id": str(job.id),
        "model": job.model,
        "state": job.state,
        "client_reference": job.client_reference or None,
        "queue_position": _queue_position(job),
        "progress": job.progress,
        "logs": job.logs,
        "text": job.text or None,
        "outputs": _outputs(job, root),
        "error": {"code": job.error_code, "message": job.error_message} if job.state == JobState.FAILED else None,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "status_url": url,
        "cancel_url": url,
    }


def submission_document(row: Submission) -> dict[str, Any]:
    """A line of the submission log."""
    return {
        "id": str(row.id),
        "created_at": _time(row.created_at),
        "client_reference": row.client_reference or None,
        "model": row.model or None,
        "accepted": row.accepted,
        "answered": row.answered,
        "status": row.status,
        "code": row.code or None,
        "message": row.message or None,
        "job": str(row.job_id) if row.job_id else None,
    }


def _queue_position(job: Job) -> int | None:
    """How many queued jobs came before; None once it has left the queue."""
    if job.state != JobState.QUEUED:
        return None
    return Job.objects.filter(state=JobState.QUEUED, created_at__lt=job.created_at).count()


def _outputs(job: Job, root: str) -> list[dict[str, Any]]:
    if job.state not in ENDED:
        return []
    return [
        {
            "url": f"{root}/files/{output.token}/{output.filename}",
            "content_type": output.content_type,
            "filename": output.filename,
            "size": output.size,
            "expires_at": _time(output.expires_at),
        }
        for output in job.outputs.all()
    ]


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
