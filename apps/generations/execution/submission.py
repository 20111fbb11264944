"""The POST: committed as ``submitting`` before it goes out, and repeated only when nothing was sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.heartbeat import heartbeat
from apps.generations import events
from apps.generations.accounts import account_to_send
from apps.generations.adapters import InputMissing, submission_build
from apps.generations.execution import timing
from apps.generations.execution.answers import apply_job
from apps.generations.execution.claims import claim_next, hold_back, pace_wait, provider_pause
from apps.generations.execution.fallback import fallback_take
from apps.generations.execution.following import Next, following
from apps.generations.execution.inline import inline_store
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.execution.telling import Teller
from apps.generations.models import Generation, GenerationState
from apps.generations.vendors import vendor_title
from apps.providers.base import Credentials, Job, Provider, ProviderError, Submission
from apps.providers.registry import provider_get

log = structlog.get_logger(__name__)
STATE = GenerationState
# A place is given back after so long, so that what else its worker does has its turn.
PLACE_S = 1.0


def place_fill(more: Callable[[], None]) -> Iterator[Next]:
    """Send the fairest calls one after the other for about a second; ``more``: another free place should look."""
    until = time.monotonic() + PLACE_S
    while (claim := claim_next(timezone.now())) is not None:
        if claim.more:
            more()
        if (found := send(claim.generation)) is not None:
            yield found
        if time.monotonic() >= until:
            more()
            return


def submit(*, workspace_id: UUID, generation_id: UUID) -> Next | None:
    """Send this one now, whatever else waits; nothing happens when somebody else has it or there is no place."""
    claim = claim_next(timezone.now(), workspace_id=workspace_id, generation_id=generation_id)
    return send(claim.generation) if claim else None


def send(generation: Generation) -> Next | None:
    """The POST of a claimed call, unless its vendor is to be asked more slowly; what is next for it."""
    if (wait_s := pace_wait(generation)) > 0:
        hold_back(generation, wait_s, timezone.now())
        return Next("submit", generation.workspace_id, generation.id, after_s=wait_s)
    submission = _build(generation)
    if submission is not None:
        submission = replace(submission, tell=Teller(generation).tell)
        with heartbeat(partial(_renew, generation), every_s=timing.SUBMIT_BEAT_S):
            _post(generation, submission)
    generation.refresh_from_db()
    return following(generation, timezone.now())


def _build(generation: Generation) -> Submission | None:
    """The submission; None when it cannot be built, which settles the row: nothing has left us."""
    try:
        return submission_build(generation)
    except InputMissing as error:
        settle_without_charge(generation, STATE.FAILED, code="input_missing", detail=str(error), now=timezone.now())
    except Exception:
        # A second try would meet the same mistake of ours.
        log.exception("submission not built", action="generation_submit", generation=str(generation.id))
        settle_without_charge(generation, STATE.FAILED, code="internal", now=timezone.now())
    return None


def _post(generation: Generation, submission: Submission) -> None:
    try:
        job = inline_store(generation, _provider(generation).submit(submission))
    except ProviderError as error:
        _refused(generation, error, timezone.now())
    except Exception:
        # The adapter broke and may have sent before: that is a lost answer, never a reason to send again.
        log.exception("submission broke", action="generation_submit", generation=str(generation.id))
        _lost(generation, timezone.now())
    else:
        submitted(generation, job, timezone.now())


def _provider(generation: Generation) -> Provider:
    account = account_to_send(generation)
    if account == Credentials():
        vendor = vendor_title(generation.provider)
        detail = _("The key for %(vendor)s was removed. Add one under Settings, Providers.") % {"vendor": vendor}
        raise ProviderError("auth", detail, permanent=True)
    return provider_get(generation.provider, account)


def submitted(generation: Generation, job: Job, now: datetime) -> bool:
    """Keep the provider's id: the answer to our POST, or its discovery later. False when the row had moved on."""
    fields: dict[str, Any] = {
        "state": STATE.SUBMITTED,
        "provider_request_id": job.provider_request_id,
        "provider_urls": dict(job.urls),
        "submitted_at": generation.submitted_at or now,
        "busy_since": None,
        "poll_after": now + timing.FIRST_POLL,
    }
    rows = Generation.objects.for_workspace(generation.workspace_id)
    open_rows = rows.filter(id=generation.id, state__in=(STATE.SUBMITTING, STATE.UNKNOWN))
    try:
        moved = open_rows.update(**fields)
    except IntegrityError:
        # The provider gave two attempts one id: following it would settle somebody else's job here.
        log.error("provider id seen before", action="generation_submit", generation=str(generation.id))
        _lost(generation, now)
        return False
    if not moved:
        # It ended meanwhile (its deadline): keep the id, so that the provider can be told to stop.
        rows.filter(id=generation.id, provider_request_id=None).update(
            provider_request_id=job.provider_request_id, provider_urls=dict(job.urls)
        )
        return False
    generation.refresh_from_db()
    events.progressed(generation)
    apply_job(generation, job, now)
    return True


def _renew(generation: Generation) -> None:
    rows = Generation.objects.for_workspace(generation.workspace_id)
    mine = rows.filter(id=generation.id, state=STATE.SUBMITTING, fence=generation.fence)
    mine.update(poll_after=timezone.now() + timing.SUBMIT_CLAIM)


def _refused(generation: Generation, error: ProviderError, now: datetime) -> None:
    """Sort a failed POST: lost, to be tried again, or definite."""
    if error.sent:
        _lost(generation, now)
    elif fallback_take(generation, error, now):
        return
    elif error.code == "rate_limited":
        _busy(generation, error, now)
    elif not error.permanent and generation.tries < timing.SUBMIT_TRIES:
        at_least = min(timedelta(seconds=error.retry_after_s or 0), timing.SUBMIT_WAIT_MAX)
        _back(generation, now, max(timing.submit_backoff(generation.tries), at_least))
    else:
        settle_without_charge(
            generation, STATE.FAILED, code=error.code, detail=str(error), permanent=error.permanent, now=now
        )


def _move(generation: Generation, state: GenerationState, **fields: Any) -> bool:
    rows = Generation.objects.for_workspace(generation.workspace_id)
    mine = rows.filter(id=generation.id, state=STATE.SUBMITTING, fence=generation.fence)
    moved = bool(mine.update(state=state, **fields))
    if moved:
        events.progressed(generation)
    return moved


def _lost(generation: Generation, now: datetime) -> None:
    _move(generation, STATE.UNKNOWN, poll_after=now + timing.FIRST_POLL)


def _busy(generation: Generation, error: ProviderError, now: datetime) -> None:
    """The vendor takes no more at the moment: that is not a failed try, but it is not waited for without end."""
    since = generation.busy_since or now
    wait = timing.busy_wait(now - since, error.retry_after_s)
    if error.permanent or now + wait > since + timing.BUSY_LIMIT:
        settle_without_charge(generation, STATE.FAILED, code=error.code, detail=str(error), now=now)
        return
    # The vendor said it of the account: the others that wait for it need not be told one by one.
    provider_pause(generation, wait.total_seconds(), now)
    vendor = {"vendor": vendor_title(generation.provider), "seconds": round(wait.total_seconds())}
    told = _("%(vendor)s is busy. It is asked again in %(seconds)s s.") % vendor
    _back(generation, now, wait, tries=F("tries") - 1, busy_since=since, progress_message=told[:200])


def _back(generation: Generation, now: datetime, wait: timedelta, **fields: Any) -> None:
    """Nothing was sent: prepared again, unless a cancel came meanwhile. It waits as if it had not been sent yet."""
    waits = {"poll_after": now + wait, "submitted_at": None, "deadline_at": now + timing.QUEUE_LIMIT}
    _move(generation, STATE.PREPARED, **waits, **fields)
    generation.refresh_from_db()
    if generation.cancel_requested_at:
        settle_without_charge(generation, STATE.CANCELLED, code="cancelled", now=now, only_from=(STATE.PREPARED,))
