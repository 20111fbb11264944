"""Taking orders and calling them off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.sandbox.execution.ending import job_end
from apps.sandbox.models import Job, JobState, Submission
from apps.sandbox.orders import Order, OrderRefused, body_read, order_read
from apps.sandbox.tasks import sandbox_render, sandbox_webhook_send

# More waiting orders than this and the vendor asks its clients to come back later.
QUEUE_MAX = 2000


class JobUnknown(Exception):
    """There is no such job."""


def job_submit(*, raw: bytes) -> Job:
    """Take an order into the queue, and write the submission log either way. Raises OrderRefused."""
    body: dict[str, Any] = {}
    try:
        body = body_read(raw)
        order = order_read(body)
        if Job.objects.filter(state=JobState.QUEUED).count() >= QUEUE_MAX:
            raise OrderRefused(429, "rate_limited", "The queue is full. Come back in a minute.")
    except OrderRefused as refusal:
        _log(body, accepted=False, status=refusal.status, code=refusal.code, message=str(refusal))
        raise
    with transaction.atomic():
        job = _queued(order)
        _log(body, accepted=True, status=201, job_id=job.id, answered=order.fault != "lost")
        if order.latency_s == 0:
            sandbox_render.delay_on_commit(job_id=str(job.id))
    return job


def job_cancel(*, job_id: UUID) -> Job:
    """Stop a job at once; one that has ended stays as it ended. Raises JobUnknown."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(id=job_id).first()
        if job is None:
            raise JobUnknown(JobUnknown.__doc__)
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            delivery = job_end(job, JobState.CANCELLED, now=timezone.now())
            if delivery:
                sandbox_webhook_send.delay_on_commit(delivery_id=str(delivery.id))
    return job


def _queued(order: Order) -> Job:
    now = timezone.now()
    return Job.objects.create(
        model=order.model,
        params=order.params,
        inputs=order.inputs,
        fault=order.fault,
        client_reference=order.client_reference,
        webhook_url=order.webhook_url,
        created_at=now,
        due_at=now + timedelta(seconds=order.latency_s),
        handed_at=None if order.latency_s else now,
    )


def _log(body: Mapping[str, Any], **row: Any) -> None:
    """Append to the submission log what can be told of a body, however wrong it is."""
    told = {name: body.get(name) for name in ("model", "client_reference")}
    plain = {name: value.replace("\x00", "") if isinstance(value, str) else "" for name, value in told.items()}
    Submission.objects.create(model=plain["model"][:60], client_reference=plain["client_reference"][:200], **row)
