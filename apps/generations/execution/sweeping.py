"""What fell between two lines: workers that died around the POST, jobs past their deadline."""

from __future__ import annotations

from datetime import datetime

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet, Value
from django.db.models.functions import Least
from django.utils import timezone

from apps.common.tenancy import unscoped
from apps.generations import events
from apps.generations.execution import timing
from apps.generations.execution.following import Next, following
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.keys import keys_erase
from apps.generations.models import LIVE, Generation, GenerationState

STATE = GenerationState
BATCH = 200


def sweep(now: datetime | None = None) -> list[Next]:
    """End what was cancelled unsent and what is late, ask about what is unclear, erase removed keys that are idle."""
    now = now or timezone.now()
    with unscoped("the sweeper serves every workspace"):
        late = list(Generation.objects.filter(state__in=LIVE, deadline_at__lt=now)[:BATCH])
        overdue = Generation.objects.filter(poll_after__lt=now)
        silent = list(overdue.filter(state=STATE.SUBMITTING)[:BATCH])
        unsent = list(overdue.filter(state=STATE.PREPARED, cancel_requested_at__isnull=False)[:BATCH])
        unclear = list(_unclear(now)[:BATCH])
    followed = [_expire(row, now) for row in late]
    for row in silent:
        _unknown(row, now)
    for row in unclear:
        _ask(row, now)
    for row in unsent:
        settle_without_charge(row, STATE.CANCELLED, code="cancelled", now=now, only_from=(STATE.PREPARED,))
    keys_erase()
    return [found for found in followed if found is not None]


def _expire(generation: Generation, now: datetime) -> Next | None:
    delivered = generation.delivery is not None
    if delivered and now < generation.deadline_at + timing.COLLECT_GRACE:
        return None
    code = "expired_delivered" if delivered else "expired"
    code = "expired_unknown" if generation.state == STATE.UNKNOWN else code
    settle_without_charge(generation, STATE.EXPIRED, code=code, now=now)
    generation.refresh_from_db()
    return following(generation, now)


def _unknown(generation: Generation, now: datetime) -> None:
    """The worker died between the commit and the answer: the POST may have gone out, so it is never sent again."""
    rows = Generation.objects.for_workspace(generation.workspace_id)
    mine = rows.filter(id=generation.id, state=STATE.SUBMITTING, fence=generation.fence)
    if mine.update(state=STATE.UNKNOWN, poll_after=now):
        events.progressed(generation)


def _unclear(now: datetime) -> QuerySet[Generation]:
    """Lost answers that a person is to be asked about by now."""
    half = ExpressionWrapper((F("deadline_at") - F("created_at")) / 2, output_field=DurationField())
    rows: QuerySet[Generation] = Generation.objects.filter(state=STATE.UNKNOWN, asked_at=None)
    wait = Least(Value(timing.ASK_AFTER, output_field=DurationField()), half)
    return rows.annotate(wait=wait).filter(submitted_at__lt=now - F("wait"))


def _ask(generation: Generation, now: datetime) -> None:
    """Put the question: to go on waiting, or to give it up."""
    rows = Generation.objects.for_workspace(generation.workspace_id)
    if rows.filter(id=generation.id, state=STATE.UNKNOWN, asked_at=None).update(asked_at=now):
        events.progressed(generation)
