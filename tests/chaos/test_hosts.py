"""The short form of the bench `scale`: a second worker host joins, takes its part of a run, and dies as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run, RunState
from apps.runs.services import run_start
from apps.workspaces.models import Workspace
from bench.scale import NOTES, NOTES_OFF, Hosts, hosts_open, moved_again, problems, query, steps_done, wide
from tests.live_stack import LiveStack, _environment

NAMES = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET", "SECRET_KEY")
STEPS = 10
HOST = "north"
ENDED = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@pytest.mark.timeout(300)
def test_run_outlives_one_of_its_hosts(live_stack: LiveStack, workspace: Workspace, alice: User) -> None:
    found = _environment()
    addresses = {name: found[name] for name in NAMES} | {"SANDBOX_URL": live_stack.base_url}
    with scope(workspace.id):
        project = project_create(workspace_id=workspace.id, name="Scale", actor_id=alice.id)
        made = workflow_create(
            workspace_id=workspace.id, project_id=project.id, name="wide", graph=wide(STEPS, 1500), actor_id=alice.id
        )
    query(NOTES)
    try:
        with hosts_open(Hosts(addresses, live_stack.var, "work"), (HOST,)) as hosts:
            with scope(workspace.id):
                run = run_start(workflow=made, actor_id=alice.id)
            _await(lambda: steps_done(str(run.id)).get(HOST, 0) > 0, 60)
            hosts.kill(HOST)
            killed = time.time()
            _await(lambda: Run.objects.for_workspace(workspace.id).get(id=run.id).state in ENDED, 120)
        assert problems(str(run.id), STEPS + 1) == []
        assert max(moved_again(str(run.id), HOST, killed), default=0) <= 60
    finally:
        query(NOTES_OFF)


def _await(true: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.2)
