"""Which runs may begin: no more at once than the plan says, the fairest first where many wait."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.common.tenancy import scope, unscoped
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs import sweeps, tasks
from apps.runs.driver import advance, advance_fairest
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunState
from apps.runs.services import run_cancel, run_start
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PLANS, PlanName
from tests.runs.graphs import graph, node

Make = Callable[[dict[str, Any]], Workflow]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("inside")]
CAP = 5


@pytest.fixture(autouse=True)
def small_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, PlanName.FREE, replace(PLANS[PlanName.FREE], runs=CAP))


def heavy() -> dict[str, Any]:
    """One step for a lane: the run is busy until somebody does it."""
    return graph([node("a", "test.work", sleep_ms=1, **{"$always_new": True})])


def pause(seconds: int) -> dict[str, Any]:
    nodes = [node("n", "input.number", number=1), node("w", "flow.wait", seconds=seconds)]
    return graph(nodes, ("n", "number", "w", "value"))


def begin(make_workflow: Make, count: int, document: dict[str, Any] | None = None) -> list[Run]:
    workflow = make_workflow(document or heavy())
    return [run_start(workflow=workflow, actor_id=None) for _ in range(count)]


def states() -> list[str]:
    return list(Run.objects.order_by("created_at").values_list("state", flat=True))


def quiet(seconds: int = 6) -> None:
    """As if nobody had looked for a while."""
    Run.objects.update(touched_at=timezone.now() - timedelta(seconds=seconds))


def test_over_the_cap_runs_wait_and_begin_when_a_place_is_free(make_workflow: Make, alice_api: Client) -> None:
    runs = begin(make_workflow, CAP + 3)
    for run in runs:
        advance(run.id)
    assert states() == [RunState.RUNNING] * CAP + [RunState.PENDING] * 3
    told = alice_api.get(f"/api/v1/runs/{runs[-1].id}").json()
    assert (told["state"], told["waits_for"]) == (
        "pending",
        f"Waiting for a free place: {CAP} of {CAP} runs are under way.",
    )
    assert alice_api.get(f"/api/v1/runs/{runs[0].id}").json()["waits_for"] is None
    quiet()
    assert not sweeps.starts_due()  # those that wait are not asked in vain
    run_cancel(run=runs[0])
    advance(runs[0].id)
    quiet()
    assert sweeps.starts_due()
    tasks.begin_runs()
    assert states()[CAP:] == [RunState.RUNNING, RunState.PENDING, RunState.PENDING]


def test_what_waits_for_time_does_not_count(make_workflow: Make) -> None:
    sleeping = graph(
        [node("n", "input.number", number=1), node("w", "flow.wait", seconds=3600)], ("n", "number", "w", "value")
    )
    for run in begin(make_workflow, CAP * 4, sleeping):
        advance(run.id)
    assert states() == [RunState.WAITING] * CAP * 4
    (run,) = begin(make_workflow, 1)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_a_run_that_waits_for_its_place_can_be_cancelled(make_workflow: Make) -> None:
    runs = begin(make_workflow, CAP + 1)
    for run in runs:
        advance(run.id)
    run_cancel(run=runs[-1])
    advance(runs[-1].id)
    assert states()[-1] == RunState.CANCELLED


def test_a_run_that_has_begun_goes_on(make_workflow: Make) -> None:
    sleeping = graph(
        [node("n", "input.number", number=1), node("w", "flow.wait", seconds=0)], ("n", "number", "w", "value")
    )
    (early,) = begin(make_workflow, 1, sleeping)
    advance(early.id)
    for run in begin(make_workflow, CAP):
        advance(run.id)
    advance(early.id)
    early.refresh_from_db()
    assert early.state == RunState.COMPLETED


def test_many_drivers_at_once_never_pass_the_cap(make_workflow: Make) -> None:
    runs = begin(make_workflow, 30)

    def take(run: Run) -> bool:
        try:
            return lease_take(run.id) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(take, runs)) == CAP


def test_a_dead_drivers_place_comes_back_with_its_lease(make_workflow: Make) -> None:
    runs = begin(make_workflow, CAP + 1)
    for run in runs[:CAP]:
        assert lease_take(run.id)
    assert lease_take(runs[CAP].id) is None
    Run.objects.filter(id=runs[0].id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert lease_take(runs[CAP].id) is not None


def test_in_a_crowd_workspaces_take_turns(make_workflow: Make, foreign_workspace: Workspace) -> None:
    """A queued 40 before B came. B's first is next, and then they alternate."""
    light = graph([node("n", "input.number", number=1)])
    crowd = begin(make_workflow, 40, light)
    with scope(foreign_workspace.id):
        project = project_create(workspace_id=foreign_workspace.id, name="P", actor_id=None)
        other = workflow_create(
            workspace_id=foreign_workspace.id, project_id=project.id, name="W", graph=light, actor_id=None
        )
        for _ in range(10):
            run_start(workflow=other, actor_id=None)
    assert len(crowd) == 40
    for _ in range(20):
        assert advance_fairest()[0] is not None
    with unscoped("the test looks at both"):
        ended = Run.objects.filter(finished_at__isnull=False).order_by("finished_at")
        order = list(ended.values_list("workspace_id", flat=True))
    assert len(order) == 20
    assert order[:2].count(foreign_workspace.id) == 1
    assert order.count(foreign_workspace.id) == 10


def test_one_message_begins_all_that_wait(make_workflow: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BEGIN_S", 60)
    begin(make_workflow, 4, graph([node("n", "input.number", number=1)]))
    tasks.begin_runs()
    assert states() == [RunState.COMPLETED] * 4
    assert advance_fairest() == ([], False)


def test_who_has_begun_runs_for_long_leaves_the_rest_to_the_next(
    make_workflow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(tasks, "BEGIN_S", 0)
    monkeypatch.setattr(tasks, "_begin_more", lambda: called.append("next"))
    begin(make_workflow, 3, graph([node("n", "input.number", number=1)]))
    called.clear()
    tasks.begin_runs()
    assert states() == [RunState.COMPLETED, RunState.PENDING, RunState.PENDING]
    assert called == ["next", "next"], "when it saw that more wait, and at its end"


def test_a_crowd_needs_few_messages(make_workflow: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []
    monkeypatch.setattr(tasks, "lane_length", lambda queue: len(sent))
    monkeypatch.setattr(tasks.begin_runs, "delay", lambda run_id=None: sent.append(run_id))
    runs = begin(make_workflow, 40)
    assert sent == [str(runs[0].id), str(runs[1].id)] + [None] * 14
    monkeypatch.setattr(tasks, "lane_length", lambda queue: None)  # Redis cannot be asked
    (run,) = begin(make_workflow, 1)
    assert sent[16:] == [str(run.id)]


def test_a_message_drives_the_run_it_names(make_workflow: Make) -> None:
    _first, second, _third = begin(make_workflow, 3, graph([node("n", "input.number", number=1)]))
    tasks.begin_runs(run_id=str(second.id))
    assert states() == [RunState.PENDING, RunState.COMPLETED, RunState.PENDING]
    tasks.begin_runs(run_id=str(second.id))  # sent twice
    assert states() == [RunState.PENDING, RunState.COMPLETED, RunState.PENDING]
    tasks.begin_runs()
    assert states() == [RunState.COMPLETED] * 3


def test_a_run_whose_messages_were_lost_is_found(make_workflow: Make) -> None:
    begin(make_workflow, 2)
    assert not sweeps.starts_due(), "their messages are young"
    quiet(2)
    assert sweeps.starts_due()


def test_the_limits_are_shown(
    make_workflow: Make, alice_api: Client, alice_client: Client, workspace: Workspace
) -> None:
    for run in begin(make_workflow, CAP + 2):
        advance(run.id)
    told = alice_api.get("/api/v1/limits").json()
    buckets = {one.pop("name"): one for one in told["buckets"]}
    assert (told["plan"], set(buckets)) == ("free", {"workspace", "person", "token", "starts", "uploads"})
    assert buckets["starts"]["remaining"] == buckets["starts"]["burst"] == 250
    assert buckets["token"]["remaining"] < buckets["token"]["burst"] == 400  # this request
    assert told["caps"][0] == {"name": "runs", "used": CAP, "most": CAP, "waiting": 2}
    page = alice_client.get(f"/w/{workspace.slug}/settings/limits/").content.decode()
    assert "5 of 5" in page
    assert "2 wait for a free place" in page
    part = alice_client.get(f"/w/{workspace.slug}/settings/limits/", headers={"HX-Request": "true"}).content.decode()
    assert "5 of 5" in part
    assert "<html" not in part
    waiting = Run.objects.filter(state=RunState.PENDING).first()
    assert waiting is not None
    page = alice_client.get(f"/w/{workspace.slug}/runs/{waiting.id}/").content.decode()
    assert f"{CAP} of {CAP} runs are under way" in page
