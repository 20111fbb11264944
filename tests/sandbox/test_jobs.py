"""The queue: what is accepted and refused, how a renderer holds a job, and what happens when it dies or must stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.sandbox import services
from apps.sandbox.execution import queue, rendering
from apps.sandbox.execution.rendering import Lease, Stopped, job_render
from apps.sandbox.models import Job, JobOutput, JobState, Submission, WebhookDelivery
from apps.sandbox.orders import OrderRefused
from apps.sandbox.services import JobUnknown, job_cancel, job_submit
from tests.sandbox.orders import raw

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=5)


def _content(job: Job) -> bytes:
    with default_storage.open(job.outputs.get().key) as file:
        return bytes(file.read())


def test_job_is_rendered_once() -> None:
    job = job_submit(raw=raw(client_reference="a-1"))
    assert (job.state, job.fault) == (JobState.QUEUED, "")
    assert job_render(job.id) is None
    assert job_render(job.id) is None  # a message that comes twice
    job.refresh_from_db()
    assert (job.state, job.progress, job.fence) == (JobState.SUCCEEDED, 1.0, 1)
    assert job.outputs.count() == 1
    assert _content(job).startswith(b"\x89PNG")
    assert "succeeded" in job.logs
    row = Submission.objects.get(client_reference="a-1")
    assert (row.accepted, row.answered, row.status, row.job_id) == (True, True, 201, job.id)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The body is not valid JSON."),
        (b"[" * 100_000, 400, "The body is not valid JSON."),
        (b'{"model": NaN}', 400, "The body is not valid JSON."),
        (b'{"model": "\\ud800"}', 400, "The body is not valid JSON."),
        (b"\xff\xfe", 400, "The body is not valid JSON."),
        (b"[]", 400, "The body must be a JSON object."),
        (b'{"model": "\\u0000"}', 400, "The body must not contain the character NUL."),
        (b"{}", 422, "model: Field required."),
        (raw(model="sandbox/hologram"), 404, "There is no model 'sandbox/hologram'."),
        (raw(colour="red"), 422, "params.colour: unknown parameter."),
        (raw(width=100), 422, "params.width: Input should be greater than or equal to 256."),
        (raw(width=257), 422, "params.width: must be a multiple of 8."),
        (raw(style="cubism"), 422, "params.style: must be one of auto, "),
        (raw(prompt=" "), 422, "params.prompt: must not be empty."),
        (raw(seed=2**31), 422, "params.seed: "),
        (raw(latency_s=-1), 422, "params.latency_s: "),
        (raw(fail="explode"), 422, "params.fail: "),
        (raw(inputs={"image": {"url": "http://x/"}}), 422, "inputs.image: unknown parameter."),
        (raw(model="sandbox/video", inputs={"image": {"url": "file:///etc/passwd"}}), 422, "inputs.image.url: "),
        (raw(webhook_url="ftp://x/"), 422, "webhook_url: "),
        (raw(client_reference="x" * 201), 422, "client_reference: "),
        (raw(fail="refuse"), 400, "This request was refused, as it asked to be."),
    ],
)
def test_refused_orders_are_logged(body: bytes, status: int, message: str) -> None:
    with pytest.raises(OrderRefused) as refusal:
        job_submit(raw=body)
    assert refusal.value.status == status
    assert str(refusal.value).startswith(message)
    row = Submission.objects.get()
    assert (row.accepted, row.status, row.job_id, row.message) == (False, status, None, str(refusal.value))
    assert not Job.objects.exists()


def test_full_queue_asks_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "QUEUE_MAX", 1)
    job_submit(raw=raw())
    with pytest.raises(OrderRefused) as refusal:
        job_submit(raw=raw())
    assert (refusal.value.status, refusal.value.code) == (429, "rate_limited")
    assert Submission.objects.filter(accepted=False, status=429).count() == 1


def test_submission_log_only_grows() -> None:
    job_submit(raw=raw())
    for statement in ("UPDATE sandbox_submission SET status = 500", "DELETE FROM sandbox_submission"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Submission.objects.count() == 1


def test_delayed_job_waits_for_the_tick() -> None:
    job = job_submit(raw=raw(latency_s=60))
    now = timezone.now()
    assert queue.jobs_hand_out(now) == []
    assert job_render(job.id) is None
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert queue.jobs_hand_out(now + timedelta(seconds=61)) == [str(job.id)]
    assert queue.jobs_hand_out(now + timedelta(seconds=62)) == []  # once, not at every tick
    assert queue.jobs_hand_out(now + LATER) == [str(job.id)]  # unless the message was lost


def test_killed_renderer_loses_the_job_and_another_draws_the_same() -> None:
    job, twin = job_submit(raw=raw()), job_submit(raw=raw())
    assert job_render(twin.id) is None
    dead = rendering._claim(job.id)
    assert dead is not None
    assert job_render(job.id) is None  # the lease holds
    assert queue.jobs_hand_out(timezone.now()) == []
    Job.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    Job.objects.filter(id=job.id).update(handed_at=timezone.now() - timedelta(seconds=20))
    assert queue.jobs_hand_out(timezone.now()) == [str(job.id)]
    assert queue.jobs_hand_out(timezone.now()) == []
    job_render(job.id)
    job.refresh_from_db()
    assert (job.state, job.fence) == (JobState.SUCCEEDED, 2)
    assert _content(job) == _content(twin)
    lease = Lease(dead)
    lease._written -= 1
    with pytest.raises(Stopped):  # the dead one rises: it writes nothing
        lease.progress(0.5)


def test_job_that_kills_every_renderer_fails() -> None:
    job = job_submit(raw=raw())
    Job.objects.filter(id=job.id).update(fence=rendering.TRIES_MAX)
    job_render(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "failed")


def test_cancel_before_start() -> None:
    job = job_submit(raw=raw())
    assert job_cancel(job_id=job.id).state == JobState.CANCELLED
    assert job_render(job.id) is None
    assert not JobOutput.objects.exists()


def test_cancel_while_running_stops_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "PROGRESS_EVERY_S", 0.0)
    job, told = job_submit(raw=raw(model="sandbox/video")), list[float]()
    progress = Lease.progress

    def cancel_at_a_third(self: Lease, part: float) -> None:
        told.append(part)
        if part > 0.3:
            job_cancel(job_id=job.id)
        progress(self, part)

    monkeypatch.setattr(Lease, "progress", cancel_at_a_third)
    assert job_render(job.id) is None
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.CANCELLED, "")
    assert 0.3 < max(told) < 0.4
    assert not job.outputs.exists()


def test_cancel_racing_completion_has_one_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    late = job_submit(raw=raw())
    job_render(late.id)
    assert job_cancel(job_id=late.id).state == JobState.SUCCEEDED  # too late: delivered

    job, save, keys = job_submit(raw=raw()), default_storage.save, list[str]()

    def cancel_after_upload(key: str, file: Any) -> str:
        keys.append(key)
        saved: str = save(key, file)
        job_cancel(job_id=job.id)
        return saved

    monkeypatch.setattr(default_storage, "save", cancel_after_upload)
    job_render(job.id)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert not job.outputs.exists()
    assert not default_storage.exists(keys[0])  # nothing is left behind


def test_unknown_job_cannot_be_cancelled() -> None:
    with pytest.raises(JobUnknown):
        job_cancel(job_id=uuid4())


@pytest.mark.parametrize(("fault", "code"), [("error", "failed"), ("moderated", "content_policy")])
@pytest.mark.parametrize("model", ["sandbox/image", "sandbox/video", "sandbox/text"])
def test_faults_while_running(model: str, fault: str, code: str) -> None:
    job = job_submit(raw=raw(model=model, fail=fault))
    job_render(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert "as it was asked to" in job.error_message
    assert not job.outputs.exists()


@pytest.mark.parametrize(
    ("model", "filename", "begins"),
    [
        ("sandbox/text", "text.txt", b""),
        ("sandbox/speech", "speech.wav", b"RIFF"),
        ("sandbox/video", "video.mp4", b"\0\0\0"),
    ],
)
def test_other_models(model: str, filename: str, begins: bytes) -> None:
    job = job_submit(raw=raw(model=model))
    job_render(job.id)
    assert job.outputs.get().filename == filename
    assert _content(job).startswith(begins)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.png", "https://[::1]:1/a.png"])
def test_input_that_cannot_be_fetched(url: str) -> None:
    job = job_submit(raw=raw(model="sandbox/video", inputs={"image": {"url": url}}))
    job_render(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "invalid")
    assert job.error_message == "An input could not be fetched from its address."


def test_ended_job_leaves_one_delivery() -> None:
    job = job_submit(raw=raw(webhook_url="http://127.0.0.1:1/hook"))
    delivery_id = job_render(job.id)
    delivery = WebhookDelivery.objects.get()
    assert str(delivery.id) == delivery_id
    assert queue.deliveries_hand_out(timezone.now()) == []
    assert queue.deliveries_hand_out(timezone.now() + timedelta(seconds=10)) == [delivery_id]


def test_expired_outputs_are_swept() -> None:
    job = job_submit(raw=raw())
    job_render(job.id)
    output, now = job.outputs.get(), timezone.now()
    assert queue.outputs_expired(now + timedelta(minutes=65)) == []
    assert queue.outputs_expired(now + timedelta(minutes=75)) == [output]
