"""The poller: many jobs in one turn, one turn at a time, and nothing it writes undoes what came meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.common.ids import uuid7
from apps.generations.execution import polling, timing
from apps.generations.execution.answers import looks_keep
from apps.generations.execution.polling import poll_due
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_look
from apps.providers.base import Job, ProviderError
from apps.workspaces.models import Workspace
from tests.generations.conftest import send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]


def waiting_jobs(workspace: Workspace, vendor: Vendor, count: int, **fields: Any) -> list[Generation]:
    """Jobs under way at the vendor, all due."""
    now = timezone.now()
    rows = []
    for _ in range(count):
        key = uuid7()
        vendor.jobs[str(key)] = {"id": str(key), "attempt": str(key), "state": "running", "outputs": []}
        rows.append(
            Generation(
                **{
                    "id": key, "workspace": workspace, "kind": "image", "provider": "sandbox", "model": "sandbox/image",
                    "request_digest": b"0" * 32, "hold_id": uuid7(), "price_low": 1, "price_high": 1,
                    "state": GenerationState.RUNNING, "provider_request_id": str(key), "polls": 12,
                    "submitted_at": now, "started_at": now, "poll_after": now - timedelta(seconds=1),
                    "deadline_at": now + timedelta(hours=1), **fields,
                }
            )
        )  # fmt: skip
    return Generation.objects.for_workspace(workspace.id).bulk_create(rows)


def test_a_turn_looks_at_everything_that_is_due(
    workspace: Workspace, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "AT_ONCE", 7)
    waiting_jobs(workspace, vendor, 40)
    list(poll_due())
    rows = Generation.objects.for_workspace(workspace.id)
    assert vendor.polls == 40
    assert set(rows.values_list("polls", flat=True)) == {13}
    assert rows.filter(poll_after__gt=timezone.now() + timedelta(seconds=20)).count() == 40


def test_jobs_under_way_are_written_together(workspace: Workspace, vendor: Vendor) -> None:
    rows = waiting_jobs(workspace, vendor, 30)
    looks = [(row, Job(str(row.id), "running", progress=None)) for row in rows]
    with CaptureQueriesContext(connection) as queries:
        assert len(looks_keep(looks, timezone.now())) == 30
    assert len(queries) == 1


def test_webhook_during_a_look_is_not_forgotten(start: Start, vendor: Vendor) -> None:
    row = send(start())
    now = timezone.now()
    claimed = Generation.objects.for_workspace(row.workspace_id)
    claimed.filter(id=row.id).update(poll_after=now + timing.POLL_CLAIM, polls=12)
    row.refresh_from_db()
    generation_look(generation=row)  # while the answer to our look is on its way
    (kept,) = looks_keep([(row, Job("job-1", "running", progress=0.1, poll_after_s=5))], timezone.now())
    assert kept.poll_after <= timezone.now()
    assert kept.progress == 0.1


def test_failed_look_says_nothing_about_the_job(workspace: Workspace, vendor: Vendor) -> None:
    (row,) = waiting_jobs(workspace, vendor, 1, progress=0.4, progress_message="drawing")
    looks_keep([(row, ProviderError("rate_limited", "slow down", retry_after_s=50.0))], timezone.now())
    row.refresh_from_db()
    assert (row.state, row.progress, row.progress_message) == (GenerationState.RUNNING, 0.4, "drawing")
    assert row.poll_after > timezone.now() + timedelta(seconds=45)


def test_what_ended_meanwhile_stays_ended(workspace: Workspace, vendor: Vendor) -> None:
    (row,) = waiting_jobs(workspace, vendor, 1)
    Generation.objects.for_workspace(workspace.id).filter(id=row.id).update(state=GenerationState.EXPIRED)
    assert looks_keep([(row, Job(str(row.id), "running", progress=0.9))], timezone.now()) == []
    row.refresh_from_db()
    assert (row.state, row.progress) == (GenerationState.EXPIRED, None)


def test_dead_pollers_claim_is_looked_at_again(workspace: Workspace, vendor: Vendor) -> None:
    waiting_jobs(workspace, vendor, 3)
    assert len(polling._claim(timezone.now(), 10)) == 3  # and it dies before it asks
    list(poll_due())
    assert vendor.polls == 0
    later = timezone.now() + timing.POLL_CLAIM
    list(poll_due(lambda: later))
    assert vendor.polls == 3


def test_second_look_in_one_process_waits_for_the_first(workspace: Workspace, vendor: Vendor) -> None:
    """It takes no place beside it; the one that is at it looks once more before it ends."""
    waiting_jobs(workspace, vendor, 1)
    with polling._turn:
        assert list(poll_due()) == []
    assert vendor.polls == 0
    assert polling._wanted.is_set()
    list(poll_due())
    assert vendor.polls == 1
    assert not polling._wanted.is_set()


def test_one_broken_row_does_not_stop_the_others(
    workspace: Workspace, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting_jobs(workspace, vendor, 3)
    del vendor.jobs[str(rows[0].id)]  # no longer known: this one is settled by itself, and breaks
    monkeypatch.setattr(polling, "apply_no_job", lambda *_: 1 / 0)
    list(poll_due())
    later = Generation.objects.for_workspace(workspace.id).filter(poll_after__gt=timezone.now() + timedelta(seconds=20))
    assert later.count() == 2


def test_sending_keeps_its_claim(start: Start, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the vendor takes an order, nobody takes the sender for dead meanwhile."""
    from apps.generations.execution import submission

    monkeypatch.setattr(timing, "SUBMIT_BEAT_S", 0.02)
    beats = threading.Event()
    renew = submission._renew

    def counted(generation: Generation) -> None:
        renew(generation)
        beats.set()

    def slow(generation: Generation, order: Any) -> None:
        assert beats.wait(5)

    monkeypatch.setattr(submission, "_renew", counted)
    monkeypatch.setattr(submission, "_post", slow)
    row = start()
    submission.submit(workspace_id=row.workspace_id, generation_id=row.id)
    row.refresh_from_db()
    assert row.state == GenerationState.SUBMITTING


def test_a_look_keeps_what_was_written_so_far(workspace: Workspace, vendor: Vendor) -> None:
    row = waiting_jobs(workspace, vendor, 1, kind="text")[0]
    now = timezone.now()
    for text, expected in (("The sea", "The sea"), (None, "The sea"), ("The sea at dusk", "The sea at dusk")):
        looks_keep([(row, Job(str(row.id), "running", text=text))], now)
        assert row.text == expected
        row.refresh_from_db()
        assert row.text == expected
