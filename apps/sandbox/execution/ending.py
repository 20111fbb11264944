"""How a job ends: once, with the message to its client written in the same transaction."""

from __future__ import annotations

import json
from datetime import datetime

from django.conf import settings

from apps.sandbox.documents import job_document
from apps.sandbox.models import Job, JobState, WebhookDelivery


def job_end(job: Job, state: JobState, *, now: datetime, code: str = "", message: str = "") -> WebhookDelivery | None:
    """End a job whose row the caller holds locked. Answers the delivery to send, if the client wants one."""
    job.state, job.finished_at, job.lease_until = state, now, None
    job.error_code, job.error_message = code, message
    job.progress = 1.0 if state == JobState.SUCCEEDED else job.progress
    job.logs += f"{now:%H:%M:%S} {state.value}{': ' + message if message else ''}\n"
    job.save(
        update_fields=["state", "finished_at", "lease_until", "error_code", "error_message", "progress", "logs", "text"]
    )
    if not job.webhook_url:
        return None
    content = {
        "type": f"job.{state.value}",
        "timestamp": now.isoformat(),
        "data": job_document(job, f"{settings.SANDBOX_URL}/sandbox/v1"),
    }
    return WebhookDelivery.objects.create(job=job, url=job.webhook_url, body=json.dumps(content), next_at=now)
