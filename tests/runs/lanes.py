"""Lanes without workers: a free place, played by the test itself."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.common.tenancy import scope
from apps.engine.node_types import Lane
from apps.runs import execution
from apps.runs.claims import Claim, claim_next
from apps.runs.driver import advance
from apps.runs.models import Run, Step

Place = dict[str, Any]


def take(lane: Lane = Lane.WORK) -> Claim | None:
    """A free place takes a step, runs it to its end, and the driver goes on. None when no step is to be had."""
    claim = claim_next(lane)
    if claim is not None:
        # A test's uncommitted rows are not to be seen from the watcher's own connection.
        never = 1e9 if connection.in_atomic_block else 0.5
        with patch.multiple(execution, LOOK_S=never, RENEW_S=never):
            execution.execute(claim, execution.Bells(lambda run_id: None, lambda: None))
        advance(claim.run_id)
    return claim


def take_all(lane: Lane = Lane.WORK) -> int:
    """Free places take steps until there are none; answers how many."""
    count = 0
    while take(lane):
        count += 1
    return count


def queue(run: Run, *, position: int = 0, items: range = range(1), type_name: str = "test.work", **fields: Any) -> None:
    """Steps as the driver leaves them for a lane."""
    now = timezone.now()
    rows = [
        Step(
            workspace_id=run.workspace_id, run=run, position=position, item=item, node=f"n{position}", type=type_name,
            **{"state": "ready", "inputs": {}, "lane": Lane.WORK, "dispatched_at": now, **fields},
        )
        for item in items
    ]  # fmt: skip
    with scope(run.workspace_id):
        Step.objects.bulk_create(rows, batch_size=2000)


def running(workspace_id: UUID) -> int:
    """How many steps of a workspace run."""
    return int(Step.objects.for_workspace(workspace_id).filter(state="running").count())
