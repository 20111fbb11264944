"""What a lost message or a dead process left behind is found here: it costs latency, never correctness."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.engine.node_types import Lane

BATCH = 500
LOOKS = 4
LANES = [Lane.IO.value, Lane.WORK.value]


def runs_due() -> list[UUID]:
    """Runs whose driver died (lease run out), whose timer rang, whose cancel went unheard, or that are quiet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_run SET touched_at = statement_timestamp() WHERE id IN (
                SELECT id FROM runs_run WHERE state IN ('pending', 'running', 'waiting') AND (
                    (lease_until IS NOT NULL AND lease_until < statement_timestamp())
                    OR (lease_until IS NULL AND wake_at IS NOT NULL AND wake_at <= statement_timestamp())
                    OR (lease_until IS NULL AND state = 'pending'
                        AND touched_at < statement_timestamp() - interval '5 seconds')
                    OR (lease_until IS NULL AND cancel_requested_at IS NOT NULL
                        AND touched_at < statement_timestamp() - interval '5 seconds')
                    OR (lease_until IS NULL AND state = 'running'
                        AND touched_at < statement_timestamp() - make_interval(secs => %s))
                )
                ORDER BY touched_at LIMIT %s FOR UPDATE SKIP LOCKED
            ) RETURNING id
            """,
            [settings.RUN_QUIET_S, BATCH],
        )
        return [row[0] for row in cursor.fetchall()]


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
