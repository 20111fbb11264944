"""What others tell runs: a paid step settled (its driver is due) or came further; a workspace is being deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from apps.common.live import poke
from apps.common.tenancy import scope
from apps.generations.models import Generation
from apps.generations.signals import generation_progressed, generation_settled
from apps.runs.journal import events_record, run_wake
from apps.runs.models import RUN_LIVE, Run
from apps.runs.subruns import cancel_ask
from apps.runs.tasks import advance_run, advance_runs
from apps.workspaces.signals import workspace_closing

TEXT_TOLD = 400
AT_ONCE = 50


@receiver(generation_settled, dispatch_uid="runs")
def driver_wake(run_id: UUID | None, **_: Any) -> None:
    """Give the run's driver a reason to look. If this is lost with its process, the sweeper looks later."""
    if run_id is not None:
        run_wake(run_id)
        advance_run.delay(run_id=str(run_id))


@receiver(generation_progressed, dispatch_uid="runs")
def progress_tell(generation_id: UUID, workspace_id: UUID, run_id: UUID | None, **_: Any) -> None:
    """Tell the run's watchers how far a paid step is."""
    if run_id is None:
        return
    with scope(workspace_id), transaction.atomic():
        fields = ("node", "item", "attempt", "state", "progress", "progress_message", "text")
        row = Generation.objects.filter(id=generation_id).values(*fields).first()
        if row is None:
            return
        body = {
            "node": row["node"],
            "item": row["item"],
            "attempt": row["attempt"],
            "generation": str(generation_id),
            "progress": round(row["progress"] or 0, 3),
            "message": row["progress_message"],
        }
        if row["text"]:
            # What is being written: its end, for each event is kept; all of it stands in the generation.
            body |= {"text": row["text"][-TEXT_TOLD:], "written": len(row["text"])}
        seq = events_record(run_id, [("step_progress", body)])
        if seq is not None:
            poke(f"run.{run_id}", seq=seq)


@receiver(workspace_closing, dispatch_uid="runs")
def runs_end(workspace_id: UUID, **_: Any) -> None:
    """Ask every run of a workspace that is being deleted to end, in the transaction that begins it."""
    live = Run.objects.for_workspace(workspace_id).filter(state__in=RUN_LIVE).values_list("id", flat=True)
    asked = [str(run_id) for run_id in list(live) if cancel_ask(run_id)]
    for first in range(0, len(asked), AT_ONCE):
        advance_runs.delay_on_commit(run_ids=asked[first : first + AT_ONCE])
