"""Which runs may begin: as many of a workspace at once as its plan says, and of those that wait the fairest.

A run counts from its beginning for as long as a driver or a lane is busy with it. One that waits (for time, an answer,
a provider) does not, and goes on when its wait is over; nor does one that is a step of another, which would else wait
for itself. What may not begin yet stays ``pending``: rows, no counters, so that nothing is lost with a worker.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from apps.common.statements import prepared
from apps.runs.models import Run, RunState
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PLANS, PlanName

# So many places of a workspace are left to those who look one after the other under a lock. More drivers than this do
# not begin runs of one workspace in the moment between looking and being seen.
CAREFUL = 16
# ("DRIV")
_LOCK = 0x44524956
LANE = "drive"

# Of a row called "run": its workspace's cap.
CAP_SQL = """(
    SELECT (%(caps)s::jsonb ->> workspace.plan)::int FROM workspaces_workspace AS workspace
    WHERE workspace.id = run.workspace_id
)"""
# How many of a workspace are busy, counted no further than its cap.
_BUSY = """(
    SELECT count(*) FROM (
        SELECT 1 FROM runs_run AS busy
        WHERE busy.workspace_id = {workspace} AND busy.parent_id IS NULL
            AND busy.state IN ('pending', 'running') AND {which} LIMIT {cap}
    ) AS counted
)"""
_RUNNING = _BUSY.format(workspace="{workspace}", which="busy.state = 'running'", cap="{cap}")
BUSY_SQL = _RUNNING.format(workspace="run.workspace_id", cap=CAP_SQL)
_TAKEN_SQL = _BUSY.format(
    workspace="run.workspace_id",
    which="(busy.state = 'running' OR (busy.held AND busy.lease_until > statement_timestamp()))",
    cap=CAP_SQL,
)
MAY_BEGIN = (
    "(run.state <> 'pending' OR run.parent_id IS NOT NULL OR run.cancel_requested_at IS NOT NULL"
    f" OR {BUSY_SQL} < {CAP_SQL} - %(careful)s)"
)
_LAST = f"SELECT {_TAKEN_SQL} < {CAP_SQL} FROM runs_run AS run WHERE id = %(run)s AND state = 'pending'"  # noqa: S608

# Jumps from one workspace with pending runs to the next.
_TENANTS = f"""
WITH RECURSIVE tenants AS (
    (
        SELECT workspace_id FROM runs_run WHERE state = 'pending' AND state IN ('pending', 'running')
        ORDER BY workspace_id LIMIT 1
    )
    UNION ALL
    SELECT following.workspace_id FROM tenants CROSS JOIN LATERAL (
        SELECT workspace_id FROM runs_run
        WHERE state = 'pending' AND state IN ('pending', 'running') AND workspace_id > tenants.workspace_id
        ORDER BY workspace_id LIMIT 1
    ) AS following
), places AS MATERIALIZED (
    SELECT tenants.workspace_id, cap.most, {_RUNNING.format(workspace="tenants.workspace_id", cap="cap.most")} AS count
    FROM tenants JOIN workspaces_workspace AS workspace ON workspace.id = tenants.workspace_id
    CROSS JOIN LATERAL (SELECT (%(caps)s::jsonb ->> workspace.plan)::int AS most) AS cap
)
"""  # noqa: S608 (constants of ours)
_PENDING = """
    run.workspace_id = places.workspace_id AND run.state = 'pending' AND run.state IN ('pending', 'running')
    AND run.parent_id IS NULL AND (run.lease_until IS NULL OR run.lease_until < statement_timestamp())
"""
_PICKED = f"""
{_TENANTS}, fairest AS (
    SELECT places.* FROM places
    LEFT JOIN runs_laneturn AS turn ON turn.lane = '{LANE}' AND turn.workspace_id = places.workspace_id
    WHERE places.count < places.most
    ORDER BY places.count, turn.served_at NULLS FIRST, places.workspace_id {{tenants}}
), picked AS (
    SELECT one.* FROM fairest AS places CROSS JOIN LATERAL (
        SELECT run.id, run.workspace_id FROM runs_run AS run WHERE {_PENDING}
        ORDER BY run.created_at LIMIT 1 FOR UPDATE OF run SKIP LOCKED
    ) AS one WHERE places.count < places.most - {{careful}} LIMIT 1
), turn AS (
    INSERT INTO runs_laneturn (lane, workspace_id, served_at)
    SELECT '{LANE}', workspace_id, clock_timestamp() FROM picked
    -- Alone nobody takes turns, and drivers would wait for each other at this row.
    WHERE (SELECT count(*) FROM tenants) > 1
    ON CONFLICT (lane, workspace_id) DO UPDATE SET served_at = EXCLUDED.served_at
)
"""  # noqa: S608 (constants of ours)
# Begins a statement: "picked" is the pending run whose turn it is, if its workspace has more than its last places.
FAIREST_SQL = _PICKED.format(tenants="LIMIT 1", careful="%(careful)s")
# Whether somebody has a run to begin beside the one that was picked.
MORE_SQL = f"""EXISTS (
    SELECT FROM tenants AS places JOIN runs_run AS run ON {_PENDING}
    WHERE run.id IS DISTINCT FROM (SELECT id FROM picked)
)"""  # noqa: S608 (constants of ours)
# Whether it is the turn of a workspace that has only its last places.
CAREFUL_SQL = "EXISTS (SELECT FROM fairest WHERE count >= most - %(careful)s)"
_FAIREST = _PICKED.format(tenants="", careful="0") + "SELECT id FROM picked"  # noqa: S608 (constants of ours)
# A run that was queued just now has a message of its own.
_MAY_BEGIN = f"""
{_TENANTS} SELECT EXISTS (
    SELECT FROM places JOIN runs_run AS run ON {_PENDING}
    WHERE places.count < places.most
        AND (run.lease_until IS NOT NULL OR run.touched_at < statement_timestamp() - interval '1 second')
)
"""  # noqa: S608 (constants of ours)


def parameters() -> dict[str, Any]:
    """What the statements of this module ask for."""
    return {"caps": json.dumps({name.value: plan.runs for name, plan in PLANS.items()}), "careful": CAREFUL}


def run_fairest() -> UUID | None:
    """The pending run whose turn it is, locked until the transaction ends; None when none may begin."""
    with prepared() as cursor:
        cursor.execute(_FAIREST, parameters())
        row = cursor.fetchone()
    return row[0] if row else None


def runs_may_begin() -> bool:
    """Whether there are pending runs that nobody drives though their workspaces have places."""
    with prepared() as cursor:
        cursor.execute(_MAY_BEGIN, parameters())
        return bool(cursor.fetchone()[0])


def last_places_lock(run_id: UUID) -> bool:
    """Inside of a transaction: keep the others of this run's workspace out, and say whether a place is left.

    For a pending run that was refused because few places are left.
    """
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_advisory_xact_lock(%s, hashtext(workspace_id::text)) FROM runs_run
            WHERE id = %s AND state = 'pending' AND parent_id IS NULL
                AND (lease_until IS NULL OR lease_until < statement_timestamp())
            """,
            [_LOCK, run_id],
        )
        if cursor.fetchone() is None:
            return False
        # A statement of its own: what it counts must be what the one before committed.
        cursor.execute(_LAST, {**parameters(), "run": run_id})
        row = cursor.fetchone()
    return bool(row and row[0])


def runs_busy(workspace: Workspace) -> int:
    """How many runs of the workspace count against its cap now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM runs_run WHERE workspace_id = %s AND parent_id IS NULL
                AND state IN ('pending', 'running')
                AND (state = 'running' OR (held AND lease_until > statement_timestamp()))
            """,
            [workspace.id],
        )
        return int(cursor.fetchone()[0])


def waits_for(run: Run) -> str | None:
    """What a run that may not begin yet waits for, as a sentence; None of any other."""
    if run.state != RunState.PENDING or run.parent_id is not None or run.lease_until is not None:
        return None
    most = PLANS[PlanName(run.workspace.plan)].runs
    busy = runs_busy(run.workspace)
    if busy < most:
        return None
    return _("Waiting for a free place: %(most)s of %(most)s runs are under way.") % {"most": most}
