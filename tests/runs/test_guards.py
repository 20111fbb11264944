"""What PostgreSQL refuses about a run's rows, whoever asks: they are of a run of their own workspace, and stay so."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.common.ids import uuid7
from apps.projects.models import Workflow
from apps.runs.models import Run, RunEvent, Step
from apps.runs.services import run_start
from apps.workspaces.models import Workspace
from tests.runs.graphs import graph, node

pytestmark = pytest.mark.django_db
Make = Callable[..., Workflow]


@pytest.fixture
def run(workspace: Workspace, make_workflow: Make) -> Run:
    return run_start(workflow=make_workflow(graph([node("a", "test.pass")])), actor_id=None)


def step_make(workspace_id: UUID, run_id: UUID) -> None:
    row = Step(workspace_id=workspace_id, run_id=run_id, position=0, item=0, node="a", type="test.pass", state="ready")
    Step.objects.for_workspace(workspace_id).bulk_create([row])


def event_make(workspace_id: UUID, run_id: UUID) -> None:
    row = RunEvent(workspace_id=workspace_id, run_id=run_id, seq=1, kind="run_started", at=timezone.now(), body={})
    RunEvent.objects.for_workspace(workspace_id).bulk_create([row])


def refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        call()
        connection.check_constraints()


@pytest.mark.parametrize("make", [step_make, event_make])
def test_no_row_of_another_workspace_or_of_no_run(
    run: Run, workspace: Workspace, foreign_workspace: Workspace, make: Callable[[UUID, UUID], None]
) -> None:
    refused(lambda: make(foreign_workspace.id, run.id), "its workspace does not have")
    refused(lambda: make(workspace.id, uuid7()), "its workspace does not have")
    make(workspace.id, run.id)


@pytest.mark.parametrize(("model", "make"), [(Step, step_make), (RunEvent, event_make)])
def test_rows_do_not_move_and_do_not_stay_behind(
    run: Run,
    workspace: Workspace,
    foreign_workspace: Workspace,
    model: type[Step | RunEvent],
    make: Callable[[UUID, UUID], None],
) -> None:
    make(workspace.id, run.id)
    rows = model.objects.for_workspace(workspace.id).filter(run_id=run.id)
    refused(lambda: rows.update(workspace=foreign_workspace), "cannot move")
    runs = Run.objects.for_workspace(workspace.id).filter(id=run.id)
    refused(lambda: runs.update(workspace=foreign_workspace), "cannot move")
    refused(lambda: runs._raw_delete("default"), "still has rows")
    run.delete()
    assert not model.objects.for_workspace(workspace.id).filter(run_id=run.id).exists()
