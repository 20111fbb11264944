"""What a lost message or a dead process left behind is found here: it costs latency, never correctness."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.common.lanes import lane_idle
from apps.engine.node_types import Lane
from apps.nodes.registry import NODES, node_type_get
from apps.runs.drive import Dispatch

BATCH = 500


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


def steps_due() -> list[Dispatch]:
    """Steps whose worker died (claim run out), or whose message seems lost: to be handed out again."""
    idle = [lane for lane in (Lane.IO, Lane.WORK) if lane_idle(lane.value)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step AS step SET dispatched_at = statement_timestamp() FROM (
                SELECT run_id, position, item FROM runs_step
                WHERE dispatched_at IS NOT NULL AND state IN ('ready', 'running') AND (
                    (state = 'running' AND lease_until < statement_timestamp())
                    OR (state = 'ready' AND dispatched_at < statement_timestamp() - make_interval(secs => %s))
                    OR (state = 'ready' AND type = ANY(%s)
                        AND dispatched_at < statement_timestamp() - make_interval(secs => %s))
                )
                ORDER BY dispatched_at LIMIT %s FOR UPDATE SKIP LOCKED
            ) AS due
            WHERE step.run_id = due.run_id AND step.position = due.position AND step.item = due.item
            RETURNING step.run_id, step.position, step.item, step.type
            """,
            [settings.STEP_RESEND_S, types_of(idle), settings.STEP_LOST_S, BATCH],
        )
        rows = cursor.fetchall()
    return [Dispatch(row[0], row[1], row[2], _lane(row[3])) for row in rows]


def types_of(lanes: Collection[Lane]) -> list[str]:
    """The names of the node types that run in these lanes."""
    return [name for name in NODES if (node_type := node_type_get(name)) and node_type.lane in lanes]


def _lane(type_name: str) -> Lane:
    node_type = node_type_get(type_name)
    return node_type.lane if node_type else Lane.WORK
