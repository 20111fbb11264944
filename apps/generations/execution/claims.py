"""Which call is sent next: the fairest that waits, while its workspace has a free place and its vendor is not paused.

Calls wait as rows. A workspace has as many places as its plan says; taken ones are its rows with a vendor. Whoever has
a worker's place takes the oldest call of the workspace with the fewest in flight, of those the longest unserved one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from apps.common.buckets import Bucket, LimiterDown, buckets_take
from apps.common.tenancy import scope, unscoped
from apps.generations import events
from apps.generations.execution import timing
from apps.generations.models import Generation, GenerationState, ProviderPause
from apps.workspaces.plans import PLANS

# Claims are made one after the other, so that no workspace passes its cap by two at once. ("SUBM")
_LOCK = 0x5355424D
MESSAGES = 4
TOLD_AT_ONCE = 200
# An answer that was lost keeps its place for a minute, until it could be known that the call never arrived; so does a
# worker that died around its POST.
_FLYING = """
    (flying.state IN ('submitting', 'submitted', 'running')
        OR (flying.state = 'unknown' AND flying.submitted_at > %(now)s - %(lost)s))
"""
# Jumps through the index from one workspace to the next, so that it reads as many rows as workspaces wait.
_TENANTS = f"""
WITH RECURSIVE tenants AS (
    (
        SELECT workspace_id FROM generations_generation
        WHERE state = 'prepared' AND cancel_requested_at IS NULL ORDER BY workspace_id LIMIT 1
    )
    UNION ALL
    SELECT following.workspace_id FROM tenants CROSS JOIN LATERAL (
        SELECT workspace_id FROM generations_generation
        WHERE state = 'prepared' AND cancel_requested_at IS NULL AND workspace_id > tenants.workspace_id
        ORDER BY workspace_id LIMIT 1
    ) AS following
), places AS (
    SELECT tenants.workspace_id, cap.most, taken.count FROM tenants
    JOIN workspaces_workspace AS workspace ON workspace.id = tenants.workspace_id
    CROSS JOIN LATERAL (SELECT (%(caps)s::jsonb ->> workspace.plan)::int AS most) AS cap
    CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM (
            SELECT 1 FROM generations_generation AS flying
            WHERE flying.workspace_id = tenants.workspace_id
                AND flying.state IN ('submitting', 'submitted', 'running', 'unknown') AND {_FLYING}
            LIMIT cap.most
        ) AS counted
    ) AS taken
)
"""  # noqa: S608 (a constant of ours)
_DUE = """
    row.workspace_id = places.workspace_id AND row.state = 'prepared' AND row.cancel_requested_at IS NULL
    AND (row.id = %(only)s OR (%(only)s::uuid IS NULL AND row.poll_after <= %(now)s AND NOT EXISTS (
        SELECT 1 FROM generations_providerpause AS pause
        WHERE pause.provider = row.provider AND pause.key_id IS NOT DISTINCT FROM row.key_id AND pause.until > %(now)s
    )))
"""
_CLAIM = f"""
{_TENANTS}, fairest AS (
    SELECT places.workspace_id FROM places
    LEFT JOIN generations_submissionturn AS turn ON turn.workspace_id = places.workspace_id
    CROSS JOIN LATERAL (
        SELECT poll_after FROM generations_generation AS row WHERE {_DUE} ORDER BY row.poll_after LIMIT 1
    ) AS oldest
    WHERE places.count < places.most
    ORDER BY places.count, turn.served_at NULLS FIRST, oldest.poll_after
), picked AS (
    SELECT one.* FROM fairest AS places CROSS JOIN LATERAL (
        SELECT row.id, row.workspace_id FROM generations_generation AS row
        WHERE {_DUE} ORDER BY row.poll_after LIMIT 1 FOR UPDATE OF row SKIP LOCKED
    ) AS one LIMIT 1
), turn AS (
    INSERT INTO generations_submissionturn (workspace_id, served_at)
    SELECT workspace_id, clock_timestamp() FROM picked
    ON CONFLICT (workspace_id) DO UPDATE SET served_at = EXCLUDED.served_at
)
UPDATE generations_generation AS row SET state = 'submitting', tries = row.tries + 1, fence = row.fence + 1,
    submitted_at = %(now)s, poll_after = %(now)s + %(claim)s, progress_message = '',
    deadline_at = %(now)s + make_interval(secs => COALESCE((%(deadlines)s::jsonb ->> row.kind)::float8, %(deadline)s))
FROM picked WHERE row.id = picked.id
RETURNING row.id, row.workspace_id, (
    SELECT count(*) > 1 FROM (
        SELECT 1 FROM generations_generation WHERE state = 'prepared' AND cancel_requested_at IS NULL LIMIT 2
    ) AS waiting
)
"""  # noqa: S608 (constants of ours)
# Nobody is called for those who are at their cap.
_WAITING = f"""
{_TENANTS} SELECT COALESCE(sum(due.count), 0)::int FROM places CROSS JOIN LATERAL (
    SELECT count(*) AS count FROM (
        SELECT 1 FROM generations_generation AS row WHERE {_DUE} LIMIT LEAST(%(messages)s, places.most - places.count)
    ) AS counted
) AS due
"""  # noqa: S608
_FULL = f"{_TENANTS} SELECT workspace_id, most FROM places WHERE count >= most"  # noqa: S608


_COUNT = f"""
SELECT count(*) FROM generations_generation AS flying WHERE flying.workspace_id = %(workspace)s
    AND flying.state IN ('submitting', 'submitted', 'running', 'unknown') AND {_FLYING}
"""  # noqa: S608


_TURN = "workspaces take turns"


@dataclass(frozen=True)
class Claim:
    """A call that this worker, and no other, may send. ``more``: when it was claimed, another waited."""

    generation: Generation
    more: bool


def claim_next(now: datetime, *, workspace_id: UUID | None = None, generation_id: UUID | None = None) -> Claim | None:
    """Claim the fairest call that may be sent now, or the one that is named; None when there is none."""
    parameters = {
        **_parameters(now),
        "only": generation_id,
        "claim": timing.SUBMIT_CLAIM,
        "deadlines": json.dumps({kind: limit.total_seconds() for kind, limit in timing.DEADLINES.items()}),
        "deadline": timing.DEADLINE_DEFAULT.total_seconds(),
    }
    # Two statements: what the second one counts must be what the one before committed.
    with unscoped(_TURN), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_CLAIM, parameters)
        row = cursor.fetchone()
        if row is not None and workspace_id not in (None, row[1]):
            transaction.set_rollback(True)
            return None
    if row is None:
        return None
    return Claim(Generation.objects.for_workspace(row[1]).get(id=row[0]), row[2])


def flying_count(workspace_id: UUID) -> int:
    """How many calls of the workspace count against its cap now."""
    with scope(workspace_id), connection.cursor() as cursor:
        cursor.execute(_COUNT, {**_parameters(timezone.now()), "workspace": workspace_id})
        return int(cursor.fetchone()[0])


def waiting_count() -> int:
    """For how many calls a place would be of use now; a few are as good as many."""
    with unscoped(_TURN), connection.cursor() as cursor:
        cursor.execute(_WAITING, {**_parameters(timezone.now()), "only": None, "messages": MESSAGES})
        return int(cursor.fetchone()[0])


def waiting_tell() -> None:
    """Say at calls that wait for a place of their workspace that they do."""
    with unscoped(_TURN), connection.cursor() as cursor:
        cursor.execute(_FULL, _parameters(timezone.now()))
        full = cursor.fetchall()
    for workspace_id, most in full:
        with translation.override(settings.LANGUAGE_CODE):
            said = _("Waiting for a free place: %(most)s of %(most)s calls in flight.") % {"most": most}
        with scope(workspace_id):
            silent = Generation.objects.filter(
                state=GenerationState.PREPARED, cancel_requested_at=None, progress_message=""
            )
            for row in silent.order_by("poll_after")[:TOLD_AT_ONCE]:
                untold = Generation.objects.filter(id=row.id, state=GenerationState.PREPARED, progress_message="")
                if untold.update(progress_message=said):
                    events.progressed(row)


def pace_wait(generation: Generation) -> float:
    """Seconds until this vendor may be asked again with this account; 0 takes the place. Nobody waits for a limiter
    that is away: what was started goes on."""
    rate = settings.PROVIDER_RATES.get(generation.provider)
    if not rate:
        return 0.0
    key = f"{{{generation.provider}}}:{generation.key_id or 'platform'}"
    try:
        answer = buckets_take([Bucket(generation.provider, key, rate, max(1, round(2 * rate)))])
    except LimiterDown:
        return 0.0
    return answer.retry_ms / 1000


def hold_back(generation: Generation, wait_s: float, now: datetime) -> None:
    """Nothing was sent, and it is not its fault: it keeps its tries, and its vendor rests."""
    provider_pause(generation, wait_s, now)
    rows = Generation.objects.for_workspace(generation.workspace_id)
    mine = rows.filter(id=generation.id, state=GenerationState.SUBMITTING, fence=generation.fence)
    waits = {"submitted_at": None, "poll_after": now, "deadline_at": now + timing.QUEUE_LIMIT}
    mine.update(state=GenerationState.PREPARED, tries=F("tries") - 1, **waits)


def provider_pause(generation: Generation, wait_s: float, now: datetime) -> None:
    """Send nothing more to this vendor with this account for so long."""
    until = now + min(timedelta(seconds=wait_s), timing.SUBMIT_WAIT_MAX)
    ProviderPause.objects.update_or_create(
        provider=generation.provider, key_id=generation.key_id, defaults={"until": until}
    )


def _parameters(now: datetime) -> dict[str, Any]:
    caps = json.dumps({name.value: plan.generations for name, plan in PLANS.items()})
    return {"now": now, "caps": caps, "lost": timing.NEVER_ARRIVED}
