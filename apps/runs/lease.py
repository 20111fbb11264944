"""The lease: exactly one driver per run. Taking it raises the fence, so that an older driver can write nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.common.jsons import json_read
from apps.common.statements import prepared, squeezed
from apps.runs import admission

# Of a row called "run": the workflow's last finished run before it, and where and when reuse was forbidden.
PAST_SQL = """(
    SELECT before.id FROM runs_run AS before
    WHERE before.workspace_id = run.workspace_id AND before.workflow_id = run.workflow_id
        AND before.created_at < run.created_at AND before.finished_at IS NOT NULL AND NOT before.dry_run
    ORDER BY before.created_at DESC LIMIT 1
), (
    SELECT json_agg(json_build_array(clearing.node, clearing.at))::text FROM runs_cacheclearing AS clearing
    WHERE clearing.workspace_id = run.workspace_id
        AND (clearing.workflow_id IS NULL OR clearing.workflow_id = run.workflow_id)
)"""

_CLAIM = f"""
UPDATE runs_run AS run SET fence = fence + 1, touched_at = statement_timestamp(),
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = {{which}} AND state IN ('pending', 'running', 'waiting')
    AND (lease_until IS NULL OR lease_until < statement_timestamp()){{may_begin}}
RETURNING id, workspace_id, workflow_id, project_id, graph_id, actor_id, fence, wakes, state,
    started_at IS NOT NULL, variables::text, targets::text, price_high, cancel_requested_at, created_at,
    cost, max_credits, dry_run, from_run_id, from_node, overrides::text, parent_id,
    token_id, own_providers, {PAST_SQL}
"""  # noqa: S608 (constants of ours)
_TAKE = squeezed(_CLAIM.format(which="%(run)s", may_begin=f" AND {admission.MAY_BEGIN}"))
# Always one row: whether it must be looked for with care, whether there is another run, and the lease or nulls.
_TAKE_FAIREST = squeezed(f"""
{admission.FAIREST_SQL}, taken AS (
    {_CLAIM.format(which="(SELECT id FROM picked)", may_begin="")}
)
SELECT {admission.CAREFUL_SQL}, {admission.MORE_SQL}, taken.* FROM (SELECT) AS one LEFT JOIN taken ON true
""")  # noqa: S608 (constants of ours)


def past_read(row: Sequence[Any]) -> tuple[UUID | None, list[tuple[str, datetime]]]:
    """The two columns of :data:`PAST_SQL`."""
    return row[0], [(node, datetime.fromisoformat(at)) for node, at in json.loads(row[1] or "[]")]


def hold_amount(price_high: int, max_credits: int | None) -> int:
    """What a run holds while it lives, micro-credits: its highest price, at most its limit."""
    return price_high if max_credits is None else min(price_high, max_credits)


@dataclass(frozen=True)
class Lease:
    """What a driver needs to know of the run it now holds."""

    run_id: UUID
    workspace_id: UUID
    workflow_id: UUID | None
    project_id: UUID | None
    graph_id: UUID
    actor_id: UUID | None
    fence: int
    wakes: int
    state: str
    started: bool
    variables: dict[str, Any]
    targets: list[str] | None
    price_high: int
    cancel_requested_at: datetime | None
    created_at: datetime
    cost: int
    max_credits: int | None
    dry_run: bool
    from_run_id: UUID | None
    from_node: str
    overrides: dict[str, dict[str, Any]]
    # The run that this one is a step of.
    parent_id: UUID | None
    # The API token that it, or the run it is a part of, was started with.
    token_id: UUID | None
    # The vendors that it was priced with keys of the workspace's own for.
    own_providers: list[str]
    # The workflow's last finished run before this one.
    previous_id: UUID | None
    # When reuse was forbidden: by node, "" for the whole workflow or workspace.
    cleared: list[tuple[str, datetime]]

    @property
    def has_hold(self) -> bool:
        """Whether credits are held under the run's id."""
        return hold_amount(self.price_high, self.max_credits) > 0


def lease_take(run_id: UUID) -> Lease | None:
    """Take the run when nobody drives it; None when somebody does, it is over, or it may not begin yet."""
    lease = _take(run_id)
    if lease is not None:
        return lease
    with transaction.atomic():
        return _take(run_id, last=True) if admission.last_places_lock(run_id) else None


def lease_take_fairest() -> tuple[Lease | None, bool]:
    """Take the pending run whose turn it is, as :func:`lease_take`; None when none may begin. And whether more wait."""
    careful, more, *row = _claim(_TAKE_FAIREST, {})
    if row[0] is not None:
        return _lease(row), more
    if not careful:
        return None, False
    with transaction.atomic():
        run_id = admission.run_fairest()
        return (lease_take(run_id) if run_id else None), more


def _take(run_id: UUID, *, last: bool = False) -> Lease | None:
    """``last``: there is a place for it, and nobody else looks for one; it counts from now on."""
    row = _claim(_TAKE, {"run": run_id, **({"careful": -1} if last else {})})
    return _lease(row) if row else None


def _claim(statement: str, values: dict[str, Any]) -> Any:
    with prepared() as cursor:
        cursor.execute(statement, {"lease": settings.RUN_LEASE_S, **admission.parameters(), **values})
        return cursor.fetchone()


def _lease(row: Sequence[Any]) -> Lease:
    variables, targets = json_read(row[10]), json_read(row[11] or "null")
    return Lease(*[*row[:10], variables, targets, *row[12:20], json_read(row[20]), *row[21:24], *past_read(row[24:])])


def lease_release(lease: Lease, *, wakes: int, state: str, wake_at: datetime | None) -> bool:
    """Let go of the run, unless somebody gave it a reason to look again since ``wakes`` was read."""
    with prepared() as cursor:
        cursor.execute(
            """
            UPDATE runs_run SET lease_until = NULL, state = %(state)s, wake_at = %(wake_at)s
            WHERE id = %(run)s AND fence = %(fence)s AND wakes = %(wakes)s
            """,
            {"run": lease.run_id, "fence": lease.fence, "wakes": wakes, "state": state, "wake_at": wake_at},
        )
        return bool(cursor.rowcount == 1)


def lease_look(lease: Lease) -> tuple[int, datetime | None] | None:
    """How often the run was woken and whether it is to be cancelled; None when the lease is lost."""
    with prepared() as cursor:
        cursor.execute(
            "SELECT wakes, cancel_requested_at FROM runs_run WHERE id = %s AND fence = %s", [lease.run_id, lease.fence]
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None
