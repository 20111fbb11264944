"""Which rows need a worker now. Any number of tickers may ask at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F, Q

from apps.common.lanes import lane_idle
from apps.sandbox.models import Job, JobOutput, JobState, WebhookDelivery

# A message not followed by any change for this long was lost, or the lane is very busy: say it again.
HAND_AGAIN = timedelta(seconds=60)
# While no message waits in the lane, one not followed within this time was lost.
HAND_LOST = timedelta(seconds=8)
BATCH = 200
M = TypeVar("M", bound=models.Model)


def jobs_hand_out(now: datetime) -> list[str]:
    """Ids of jobs whose time has come and of those whose renderer fell silent; each is handed out once."""
    lost = now - (HAND_LOST if lane_idle("work") else HAND_AGAIN)
    waiting = Q(state=JobState.QUEUED, due_at__lte=now) & (Q(handed_at=None) | Q(handed_at__lt=lost))
    silent = Q(state=JobState.RUNNING, lease_until__lt=now) & (
        Q(handed_at__lt=F("lease_until")) | Q(handed_at__lt=lost)
    )
    with transaction.atomic():
        due = _locked(Job.objects.filter(waiting | silent).order_by("created_at"))
        Job.objects.filter(id__in=due).update(handed_at=now)
    return [str(found) for found in due]


def deliveries_hand_out(now: datetime) -> list[str]:
    """Ids of webhook deliveries whose own message to a worker seems lost."""
    late = now - timedelta(seconds=5)
    with transaction.atomic():
        due = _locked(WebhookDelivery.objects.filter(next_at__lt=late).order_by("next_at"))
        WebhookDelivery.objects.filter(id__in=due).update(next_at=now + HAND_AGAIN)
    return [str(found) for found in due]


def outputs_expired(now: datetime) -> list[JobOutput]:
    """Files whose address has been dead for ten minutes and whose bytes are still kept."""
    dead = JobOutput.objects.filter(deleted_at=None, expires_at__lt=now - timedelta(minutes=10))
    return list(dead.order_by("expires_at")[:BATCH])


def _locked(rows: models.QuerySet[M]) -> list[Any]:
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
