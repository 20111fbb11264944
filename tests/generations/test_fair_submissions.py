"""Who is sent next: fair between workspaces, never more at once than the plan says, no faster than the vendor likes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.common import buckets
from apps.common.ids import uuid7
from apps.generations.execution import submission, timing
from apps.generations.execution.claims import claim_next, waiting_count, waiting_tell
from apps.generations.execution.submission import place_fill
from apps.generations.models import Generation, GenerationState, ProviderPause
from apps.generations.services import generation_cancel
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PLANS, PlanName
from tests.generations.conftest import send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]
STATE = GenerationState
CAP = PLANS[PlanName.FREE].generations


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place goes on until nothing is left, however slow the machine."""
    monkeypatch.setattr(submission, "PLACE_S", 3600.0)


def queued(workspace: Workspace, count: int, **fields: Any) -> list[Generation]:
    """Calls that wait, oldest first."""
    now = timezone.now() - timedelta(minutes=1)
    rows = [
        Generation(
            **{
                "workspace": workspace, "kind": "image", "provider": "sandbox", "model": "sandbox/image",
                "request_digest": b"0" * 32, "hold_id": uuid7(), "price_low": 1, "price_high": 1,
                "poll_after": now + timedelta(milliseconds=number), "deadline_at": now + timedelta(days=1), **fields,
            }
        )
        for number in range(count)
    ]  # fmt: skip
    return Generation.objects.for_workspace(workspace.id).bulk_create(rows)


def flying(workspace: Workspace) -> int:
    return Generation.objects.for_workspace(workspace.id).exclude(state__in=[STATE.PREPARED, STATE.SUCCEEDED]).count()


def finish(row: Generation) -> None:
    Generation.objects.for_workspace(row.workspace_id).filter(id=row.id).update(state=STATE.SUCCEEDED)


def test_a_newcomer_is_served_at_once_and_gets_its_part(workspace: Workspace, foreign_workspace: Workspace) -> None:
    """A has 300 in the queue. B's first is next; while both wait, each gets half, however quickly calls end."""
    queued(workspace, 300)
    for _ in range(20):
        claim = claim_next(timezone.now())
        assert claim is not None
        finish(claim.generation)
    queued(foreign_workspace, 40)
    served: list[Any] = []
    while len(served) < 60:
        claim = claim_next(timezone.now())
        assert claim is not None
        finish(claim.generation)
        served.append(claim.generation.workspace_id)
    assert served[0] == foreign_workspace.id
    assert served.count(foreign_workspace.id) == 30


def test_slow_calls_share_the_places_too(workspace: Workspace, foreign_workspace: Workspace) -> None:
    """A has taken six places before B comes: B is served until it has as many, then both in turn."""
    queued(workspace, 30)
    for _ in range(6):
        claim_next(timezone.now())
    queued(foreign_workspace, 30)
    while claim_next(timezone.now()) is not None:
        pass
    assert (flying(workspace), flying(foreign_workspace)) == (CAP, CAP)


def test_over_the_cap_calls_wait_and_say_so(start: Start, vendor: Vendor, workspace: Workspace) -> None:
    rows = [start() for _ in range(CAP + 3)]
    assert len(list(place_fill(lambda: None))) == CAP
    assert (len(vendor.submissions), waiting_count()) == (CAP, 0)
    waiting_tell()
    waiting = Generation.objects.for_workspace(workspace.id).filter(state=STATE.PREPARED)
    said = set(waiting.values_list("progress_message", flat=True))
    assert said == {f"Waiting for a free place: {CAP} of {CAP} calls in flight."}
    finish(rows[0])
    assert waiting_count() == 1
    list(place_fill(lambda: None))
    assert waiting.count() == 2
    sent = Generation.objects.for_workspace(workspace.id).get(id=rows[CAP].id)
    assert (sent.state, sent.progress_message) == (STATE.SUBMITTED, "")


def test_the_wait_does_not_count_against_the_deadline(start: Start, vendor: Vendor, workspace: Workspace) -> None:
    row = start()
    late = timezone.now() + timedelta(hours=3)
    claim = claim_next(late)
    assert claim is not None
    assert (claim.generation.id, claim.generation.deadline_at) == (row.id, timing.deadline("image", late))


def test_a_larger_plan_has_more_places(workspace: Workspace) -> None:
    Workspace.objects.filter(id=workspace.id).update(plan=PlanName.STUDIO)
    queued(workspace, CAP * 4)
    while claim_next(timezone.now()) is not None:
        pass
    assert flying(workspace) == PLANS[PlanName.STUDIO].generations


def test_the_place_of_a_dead_worker_comes_back_within_a_minute(workspace: Workspace) -> None:
    """It died around its POST: the call is unclear, and for a minute the vendor may have it."""
    queued(workspace, CAP + 1)
    now = timezone.now()
    while claim_next(now) is not None:
        pass
    Generation.objects.for_workspace(workspace.id).filter(state=STATE.SUBMITTING).update(state=STATE.UNKNOWN)
    assert claim_next(now + timedelta(seconds=59)) is None
    assert claim_next(now + timedelta(seconds=61)) is not None


def test_cancelled_ones_are_passed_over(start: Start, vendor: Vendor, workspace: Workspace) -> None:
    first, second = start(), start()
    generation_cancel(workspace_id=workspace.id, generation_id=first.id)
    claim = claim_next(timezone.now())
    assert claim is not None
    assert (claim.generation.id, claim.more) == (second.id, False)


def test_a_vendors_pace_is_kept_and_fails_nobody(
    start: Start, vendor: Vendor, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.PROVIDER_RATES, "sandbox", 1.0)
    rows = [start() for _ in range(4)]
    following = list(place_fill(lambda: None))
    waits = [found for found in following if found.act == "submit"]
    assert len(vendor.submissions) == 2  # twice the rate at once
    assert len(waits) == 1  # the others are not even tried
    assert 0 < waits[0].after_s <= 1
    rows[2].refresh_from_db()
    assert (rows[2].state, rows[2].tries) == (STATE.PREPARED, 0)
    # Another vendor's calls, and another account's with this one, go on meanwhile.
    (other,) = queued(workspace, 1, key_id=uuid7())
    claim = claim_next(timezone.now())
    assert claim is not None
    assert claim.generation.id == other.id
    ProviderPause.objects.update(until=timezone.now())
    monkeypatch.setitem(settings.PROVIDER_RATES, "sandbox", 1000.0)
    list(place_fill(lambda: None))
    assert len(vendor.submissions) == 4


def test_without_the_limiter_what_was_started_goes_on(
    start: Start, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.PROVIDER_RATES, "sandbox", 1.0)
    breaker = buckets.Breaker()
    monkeypatch.setattr(buckets, "_breaker", breaker)
    monkeypatch.setattr(buckets, "REST_S", 60.0)
    breaker._until = float("inf")
    row = send(start())
    assert row.state == STATE.SUBMITTED


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_never_pass_the_cap(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, PlanName.FREE, replace(PLANS[PlanName.FREE], generations=5))
    queued(workspace, 60)

    def claim(_: int) -> bool:
        try:
            return claim_next(timezone.now()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(claim, range(60))) == 5
    assert flying(workspace) == 5
