"""The vendor's own tables: its queue, what it made, whom it tells, and a log of every submission it ever got."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone

from apps.common.ids import uuid7


def file_token() -> str:
    """An address nobody guesses."""
    return secrets.token_urlsafe(32)


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Job(models.Model):
    """One order in the queue. A renderer holds it by ``fence`` and ``lease_until``; a silent one loses it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    fault = models.CharField(max_length=20, blank=True)
    client_reference = models.CharField(max_length=200, blank=True)
    webhook_url = models.CharField(max_length=2000, blank=True)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    progress = models.FloatField(default=0.0)
    logs = models.TextField(blank=True)
    # what a model that writes has written so far
    text = models.TextField(blank=True, default="", db_default="")
    error_code = models.CharField(max_length=30, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    # when a worker was last told of it
    handed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="sandbox_job_queued", condition=models.Q(state=JobState.QUEUED)),
            models.Index(
                fields=["lease_until"], name="sandbox_job_running", condition=models.Q(state=JobState.RUNNING)
            ),
            models.Index(fields=["client_reference", "-created_at"], name="sandbox_job_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.state} {self.id}"


class JobOutput(models.Model):
    """A file, reachable by its token until it expires; the bytes are deleted some time later."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="outputs")
    position = models.PositiveSmallIntegerField(default=0)
    token = models.CharField(max_length=64, unique=True, default=file_token)
    key = models.CharField(max_length=300)
    filename = models.CharField(max_length=100)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    expires_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="sandbox_output_position")]
        indexes = [
            models.Index(fields=["expires_at"], name="sandbox_output_expiry", condition=models.Q(deleted_at=None))
        ]

    def __str__(self) -> str:
        return self.key


class Submission(models.Model):
    """One row per POST of a job, accepted or refused. Append-only: the database itself refuses changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    client_reference = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=60, blank=True)
    accepted = models.BooleanField()
    # False where the answer was withheld on purpose
    answered = models.BooleanField(default=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=30, blank=True)
    message = models.TextField(blank=True)
    job_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="sandbox_submission_time"),
            models.Index(fields=["client_reference"], name="sandbox_submission_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.model} {self.client_reference}"


class WebhookDelivery(models.Model):
    """A message to a client about an ended job; its body never changes, so each try carries the same bytes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="deliveries")
    url = models.CharField(max_length=2000)
    body = models.TextField()
    tries = models.PositiveSmallIntegerField(default=0)
    last_answer = models.CharField(max_length=200, blank=True)
    next_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="sandbox_webhook_due", condition=models.Q(next_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.url} after {self.tries} tries"
