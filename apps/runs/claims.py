"""Who runs which step of a lane: the fairest that waits is claimed, kept by a heartbeat, told apart by its fence.

A lane's steps wait in PostgreSQL, not in its queue. Whoever has a free place there takes the oldest step of the
workspace that has the fewest running in this lane; of those, the one that was served longest ago.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from apps.common.jsons import json_read
from apps.common.live import poke
from apps.engine.node_types import Lane
from apps.engine.states import StepState
from apps.nodes.registry import NODES, node_type_get
from apps.runs.journal import events_record

# Claims in one lane are made one after the other, so that no limit is passed by two at once. ("LANE")
_LOCK = 0x4C414E45
_LOCK_OF = {Lane.IO: 1, Lane.WORK: 2}

# `kinds` jumps through the index from one (workspace, type) to the next, so that it reads as many rows as there are
# kinds of waiting steps, not as there are steps. A row that somebody else holds is passed over.
_CLAIM = """
WITH RECURSIVE kinds AS (
    (
        SELECT workspace_id, type FROM runs_step
        WHERE lane = %(lane)s AND state = 'ready' AND dispatched_at IS NOT NULL
        ORDER BY workspace_id, type LIMIT 1
    )
    UNION ALL
    SELECT following.workspace_id, following.type FROM kinds CROSS JOIN LATERAL (
        SELECT workspace_id, type FROM runs_step AS step
        WHERE lane = %(lane)s AND state = 'ready' AND dispatched_at IS NOT NULL
            AND (step.workspace_id, step.type) > (kinds.workspace_id, kinds.type)
        ORDER BY workspace_id, type LIMIT 1
    ) AS following
), running AS (
    SELECT workspace_id, type, count(*) AS count FROM runs_step
    WHERE lane = %(lane)s AND state = 'running' AND dispatched_at IS NOT NULL
    GROUP BY workspace_id, type
), busy AS (
    SELECT workspace_id, sum(count) AS count FROM running GROUP BY workspace_id
), fairest AS (
    SELECT kinds.workspace_id, kinds.type FROM kinds
    LEFT JOIN busy ON busy.workspace_id = kinds.workspace_id
    LEFT JOIN running ON running.workspace_id = kinds.workspace_id AND running.type = kinds.type
    LEFT JOIN runs_laneturn AS turn ON turn.lane = %(lane)s AND turn.workspace_id = kinds.workspace_id
    CROSS JOIN LATERAL (
        SELECT dispatched_at FROM runs_step AS step
        WHERE step.lane = %(lane)s AND step.workspace_id = kinds.workspace_id AND step.type = kinds.type
            AND step.state = 'ready' AND step.dispatched_at IS NOT NULL
        ORDER BY step.dispatched_at LIMIT 1
    ) AS oldest
    WHERE COALESCE(busy.count, 0) < %(most)s
        AND COALESCE(running.count, 0) < COALESCE((%(parallel)s::jsonb ->> kinds.type)::int, %(most)s)
    ORDER BY COALESCE(busy.count, 0), turn.served_at NULLS FIRST, oldest.dispatched_at
), picked AS (
    SELECT one.* FROM fairest CROSS JOIN LATERAL (
        SELECT step.run_id, step.position, step.item, step.workspace_id FROM runs_step AS step
        JOIN runs_run AS run ON run.id = step.run_id AND run.cancel_requested_at IS NULL
        WHERE step.lane = %(lane)s AND step.workspace_id = fairest.workspace_id AND step.type = fairest.type
            AND step.state = 'ready' AND step.dispatched_at IS NOT NULL
        ORDER BY step.dispatched_at LIMIT 1 FOR UPDATE OF step SKIP LOCKED
    ) AS one LIMIT 1
), turn AS (
    INSERT INTO runs_laneturn (lane, workspace_id, served_at)
    SELECT %(lane)s, workspace_id, clock_timestamp() FROM picked
    ON CONFLICT (lane, workspace_id) DO UPDATE SET served_at = EXCLUDED.served_at
)
UPDATE runs_step AS step SET state = 'running', fence = step.fence + 1, claims = step.claims + 1,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s),
    started_at = COALESCE(step.started_at, statement_timestamp())
FROM picked JOIN runs_run AS run ON run.id = picked.run_id
WHERE step.run_id = picked.run_id AND step.position = picked.position AND step.item = picked.item
RETURNING step.run_id, step.position, step.item, step.fence, step.claims, step.attempt, step.inputs::text,
    run.workspace_id, run.project_id, run.graph_id, run.targets::text, run.variables::text,
    step.node, step.type, encode(step.cache_key, 'hex'), (
        SELECT count(*) > 1 FROM (
            SELECT 1 FROM runs_step WHERE lane = %(lane)s AND state = 'ready' AND dispatched_at IS NOT NULL LIMIT 2
        ) AS waiting
    )
"""


@dataclass(frozen=True)
class Claim:
    """A step that this worker, and no other, may settle while ``fence`` is current.

    ``more``: when it was claimed, another waited in the lane.
    """

    run_id: UUID
    position: int
    item: int
    fence: int
    claims: int
    attempt: int
    inputs: Mapping[str, Any]
    workspace_id: UUID
    project_id: UUID | None
    graph_id: UUID
    targets: list[str] | None
    variables: Mapping[str, Any]
    node: str
    type: str
    cache_key: str | None
    more: bool

    @property
    def place(self) -> dict[str, Any]:
        """What every event of this step says."""
        return {"node": self.node, "item": self.item, "type": self.type, "attempt": self.attempt}


def claim_next(lane: Lane) -> Claim | None:
    """Claim the fairest step that waits in the lane; None when none does, or limits hold back those that do."""
    parameters = {
        "lane": lane.value,
        "lease": settings.STEP_LEASE_S,
        "most": settings.WORKSPACE_IO_STEPS if lane is Lane.IO else settings.WORKSPACE_WORK_STEPS,
        "parallel": json.dumps(_parallel(lane)),
    }
    # Two statements: what the second one counts must be what the one before committed.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, _LOCK_OF[lane]])
        cursor.execute(_CLAIM, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    inputs, targets, variables = json_read(row[6] or "{}"), json_read(row[10] or "null"), json_read(row[11])
    return Claim(*[*row[:6], inputs, *row[7:10], targets, variables, *row[12:]])


@cache
def _parallel(lane: Lane) -> dict[str, int]:
    types = [node_type_get(name) for name in NODES]
    return {one.type: one.parallel for one in types if one and one.lane is lane and one.parallel is not None}


def claim_tell(claim: Claim) -> bool:
    """Tell the run that its step has begun; False when it was taken back meanwhile, and is not to begin."""
    # The run's row is locked first, as the driver does, so that the two can never wait for each other.
    with transaction.atomic():
        body = {**claim.place, "state": StepState.RUNNING.value}
        seq = events_record(claim.run_id, [("step_started", body)])
        if seq is None or not claim_held(claim):
            transaction.set_rollback(True)
            return False
        poke(f"run.{claim.run_id}", seq=seq)
    return True


def claim_held(claim: Claim) -> bool:
    """Whether the step is still this worker's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT true FROM runs_step WHERE run_id = %s AND position = %s AND item = %s AND fence = %s
                AND state = 'running'
            """,
            [claim.run_id, claim.position, claim.item, claim.fence],
        )
        return cursor.fetchone() is not None


def claim_renew(claim: Claim) -> bool:
    """Keep the step for another while; False when it is no longer this worker's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_step SET lease_until = statement_timestamp() + make_interval(secs => %s)
            WHERE run_id = %s AND position = %s AND item = %s AND fence = %s AND state = 'running'
            """,
            [settings.STEP_LEASE_S, claim.run_id, claim.position, claim.item, claim.fence],
        )
        return bool(cursor.rowcount == 1)
