"""A run whose driver breaks each time: tried again a few times, then ended with a sentence; none hangs for good."""

from __future__ import annotations

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.services import hold_close
from apps.common.jsons import json_text
from apps.engine.states import RunState, StepState
from apps.generations.models import LIVE, Generation
from apps.generations.services import generation_cancel
from apps.runs.journal import Journal, events_record
from apps.runs.lease import Lease
from apps.runs.models import RunEvent
from apps.runs.records import cancelled
from apps.runs.subruns import children_end, parent_wake

log = structlog.get_logger(__name__)

# The lease runs out between two tries, so this many take about a minute.
TRIES = 5


def trouble_note(lease: Lease, accident: Exception) -> None:
    """Remember that driving this run broke on our own mistake; the last time, give the run up."""
    log.error("driver broke", action="driver_broke", run=str(lease.run_id), exc_info=accident)
    events_record(lease.run_id, [("run_trouble", {"kind": type(accident).__name__})])
    if RunEvent.objects.filter(run_id=lease.run_id, kind="run_trouble").count() >= TRIES:
        _give_up(lease)


def _give_up(lease: Lease) -> None:
    """End the run as failed: provider calls are cancelled, open steps end as cancelled, the hold goes back."""
    for generation in Generation.objects.filter(run_id=lease.run_id, state__in=LIVE):
        generation_cancel(workspace_id=lease.workspace_id, generation_id=generation.id)
    message = _(
        "Something went wrong on our side several times. Run it again, and if it keeps happening, send us the run ID."
    )
    error = {"code": "internal", "message": message}
    journal = Journal(lease.run_id, lease.fence, 0)
    with transaction.atomic():
        for node, item, kind in _steps_close(lease):
            body = {"node": node, "item": item, "type": kind, "state": StepState.CANCELLED.value, "error": cancelled()}
            journal.event("step_cancelled", timezone.now(), body)
        journal.event("run_finished", timezone.now(), {"state": RunState.FAILED.value, "error": error})
        journal.flush(state=RunState.FAILED.value, error=error, ended=True)
        parent_wake(lease)
        if lease.has_hold:
            hold_close(hold_id=lease.run_id)
    # Not in the same transaction: a child that ends has its own row locked and waits for this run's.
    with transaction.atomic():
        children_end(lease)
    log.error("run given up", action="run_given_up", run=str(lease.run_id))


def _steps_close(lease: Lease) -> list[tuple[str, int, str]]:
    with connection.cursor() as cursor:
        # The run's row first, as everybody does.
        cursor.execute("SELECT 1 FROM runs_run WHERE id = %s AND fence = %s FOR UPDATE", [lease.run_id, lease.fence])
        cursor.execute(
            """
            UPDATE runs_step SET state = 'cancelled', finished_at = statement_timestamp(), dispatched_at = NULL,
                wake_at = NULL, error = %s::jsonb
            WHERE run_id = %s AND state IN ('pending', 'ready', 'running', 'waiting')
            RETURNING node, item, type
            """,
            [json_text(cancelled()), lease.run_id],
        )
        return list(cursor.fetchall())
