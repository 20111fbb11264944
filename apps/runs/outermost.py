"""Whose account a run within a run goes on: that of the run which somebody started."""

from __future__ import annotations

from django.db import connection

from apps.generations.services import Billed
from apps.runs.lease import Lease

_OUTERMOST = """
WITH RECURSIVE above AS (
    SELECT id, parent_id, workflow_id FROM runs_run WHERE id = %s
    UNION ALL SELECT run.id, run.parent_id, run.workflow_id FROM runs_run AS run JOIN above ON run.id = above.parent_id
) SELECT id, workflow_id FROM above WHERE parent_id IS NULL
"""


def outermost(lease: Lease) -> Billed:
    """The run, and its workflow, that what this one spends is told by."""
    if lease.parent_id is None:
        return Billed(lease.run_id, lease.workflow_id)
    with connection.cursor() as cursor:
        cursor.execute(_OUTERMOST, [lease.run_id])
        return Billed(*cursor.fetchone())
