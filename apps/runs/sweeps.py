"""What a lost message or a dead process left behind is found here: it costs latency, never correctness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.engine.node_types import Lane
from apps.runs import admission

BATCH = 500
LOOKS = 4
LANES = [Lane.IO.value, Lane.WORK.value]
# What sleeps may wake all at once; a message is a millisecond, being late is not.
RUNS_BATCH = 2000
SHARES = 64
SHARE_MAX = 16
# A run that was found due and not driven since is found again after so long: its message was lost.
RESENT_S = 5

# Each part has its own partial index, so that the look costs what is due, not what sleeps. A timer that rang is told
# from one that was already passed on by `touched_at`, else every look would send the whole queue again.
_RUNS_DUE = """
WITH due AS (
    (SELECT id FROM runs_run
     WHERE wake_at <= statement_timestamp() AND lease_until IS NULL
        AND state IN ('pending', 'running', 'waiting')
        AND (touched_at < wake_at OR touched_at < statement_timestamp() - make_interval(secs => %(resent)s))
     ORDER BY wake_at LIMIT %(batch)s)
    UNION
    (SELECT id FROM runs_run
     WHERE state IN ('pending', 'running') AND (
        lease_until < statement_timestamp()
        OR (lease_until IS NULL AND touched_at < statement_timestamp()
            - make_interval(secs => CASE state WHEN 'pending' THEN 5 ELSE %(quiet)s END)))
        AND (state = 'running' OR parent_id IS NOT NULL OR cancel_requested_at IS NOT NULL)
     ORDER BY touched_at LIMIT %(batch)s)
    UNION
    (SELECT id FROM runs_run
     WHERE state = 'waiting' AND held AND lease_until < statement_timestamp()
     LIMIT %(batch)s)
    UNION
    (SELECT id FROM runs_run
     WHERE cancel_requested_at IS NOT NULL AND finished_at IS NULL AND lease_until IS NULL
        AND touched_at < statement_timestamp() - interval '5 seconds'
     ORDER BY touched_at LIMIT %(batch)s)
)
UPDATE runs_run SET touched_at = statement_timestamp() WHERE id IN (
    SELECT id FROM runs_run WHERE id IN (SELECT id FROM due) AND finished_at IS NULL FOR UPDATE SKIP LOCKED
) RETURNING id, wake_at
"""


def runs_due() -> list[UUID]:
    """Runs whose driver died (lease run out), whose timer rang, whose cancel went unheard, or that are quiet.

    What rang first comes first.
    """
    parameters: dict[str, Any] = {
        "quiet": settings.RUN_QUIET_S,
        "batch": RUNS_BATCH,
        "resent": RESENT_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RUNS_DUE, parameters)
        found: list[tuple[UUID, datetime | None]] = cursor.fetchall()
    never = datetime.max.replace(tzinfo=UTC)
    return [run for run, _at in sorted(found, key=lambda row: row[1] or never)]


def starts_due() -> bool:
    """Whether pending runs have a place and their message was lost, or was spent when they had none."""
    return admission.runs_may_begin()


def in_shares(runs: list[UUID]) -> Iterator[list[UUID]]:
    """Runs by the message: one each when few are due, several when many are, since a message costs as much as a run."""
    size = min(SHARE_MAX, max(1, len(runs) // SHARES))
    yield from (runs[start : start + size] for start in range(0, len(runs), size))


def lanes_due() -> dict[Lane, int]:
    """Lanes in which steps wait, with how many places could look (at most ``LOOKS``), dead workers' steps among them.

    What a worker held whose claim ran out waits again: under a higher fence, so that a worker that lives after all
    changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step AS step SET state = 'ready', fence = step.fence + 1, lease_until = NULL FROM (
                SELECT run_id, position, item FROM runs_step
                WHERE lane = ANY(%s) AND state = 'running' AND dispatched_at IS NOT NULL
                    AND lease_until < statement_timestamp()
                LIMIT %s FOR UPDATE SKIP LOCKED
            ) AS due
            WHERE step.run_id = due.run_id AND step.position = due.position AND step.item = due.item
            """,
            [LANES, BATCH],
        )
        cursor.execute(
            """
            SELECT wanted, count FROM unnest(%s::text[]) AS wanted CROSS JOIN LATERAL (
                SELECT count(*) AS count FROM (
                    SELECT 1 FROM runs_step
                    WHERE lane = wanted AND state = 'ready' AND dispatched_at IS NOT NULL LIMIT %s
                ) AS waiting
            ) AS found WHERE count > 0
            """,
            [LANES, LOOKS],
        )
        return {Lane(lane): count for lane, count in cursor.fetchall()}
