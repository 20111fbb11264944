"""Who is served next in a lane, and what a limit holds back but never forgets."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as site_settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.common.lanes import MESSAGES_WAITING, messages_wanted
from apps.common.tenancy import scope, unscoped
from apps.engine.node_types import Lane, NodeContext, NodeType
from apps.nodes.registry import node_type_get
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs import claims, execution, services, sweeps, tasks
from apps.runs.claims import Claim, claim_next, claim_tell
from apps.runs.execution import Bells
from apps.runs.models import Attempt, Run, RunEvent, Step
from apps.workspaces.models import Workspace
from tests.runs.graphs import graph, node
from tests.runs.lanes import queue, running, take, take_all
from tests.runs.live import wait_for

Make = Callable[[dict[str, Any]], Workflow]
SILENT = Bells(lambda run_id: None, lambda: None)


def work(count: int = 1, **params: Any) -> dict[str, Any]:
    return graph([node(f"n{i}", "test.work", **params) for i in range(count)])


def run_of(workspace: Workspace, actor: User, document: dict[str, Any] | None = None) -> Run:
    """A run that no driver has seen yet."""
    with scope(workspace.id):
        project = project_create(workspace_id=workspace.id, name="Test", actor_id=actor.id)
        workflow = workflow_create(
            workspace_id=workspace.id, project_id=project.id, name="F", graph=document or work(), actor_id=actor.id
        )
        return services.run_start(workflow=workflow, actor_id=None)


@pytest.fixture
def crowd(workspace: Workspace, alice: User) -> Run:
    """A run of a workspace that has queued a hundred steps."""
    run = run_of(workspace, alice)
    queue(run, items=range(100), dispatched_at=timezone.now() - timedelta(seconds=60))
    return run


@pytest.fixture
def newcomer(crowd: Run, foreign_workspace: Workspace, charlie: User) -> Run:
    """A run of another workspace, whose steps came much later."""
    run = run_of(foreign_workspace, charlie)
    queue(run, items=range(20))
    return run


def end(claim: Claim) -> None:
    with scope(claim.workspace_id):
        assert execution._complete(claim, {"value": 1})


def claimed(lane: Lane = Lane.WORK) -> Claim:
    claim = claim_next(lane)
    assert claim is not None
    return claim


# Fairness


def test_newcomer_is_next_and_places_are_shared_evenly(crowd: Run, newcomer: Run) -> None:
    first = [claimed() for _place in range(2)]
    assert {claim.run_id for claim in first} == {crowd.id, newcomer.id}
    served = Counter[Any]()
    for _turn in range(15):
        # One place at a time becomes free, of either.
        end(first.pop(0))
        first.append(claimed())
        served[first[-1].run_id] += 1
    assert served[newcomer.id] in (7, 8)


def test_one_place_serves_them_in_turn(crowd: Run, newcomer: Run) -> None:
    order = []
    for _turn in range(6):
        claim = claimed()
        order.append(claim.run_id)
        end(claim)
    assert order[::2] in ([crowd.id] * 3, [newcomer.id] * 3)
    assert order[1::2] in ([crowd.id] * 3, [newcomer.id] * 3)
    assert order[0] != order[1]


def test_fewest_running_is_served_first(crowd: Run, newcomer: Run) -> None:
    Step.objects.for_workspace(crowd.workspace_id).filter(item__lt=5).update(
        state="running", lease_until=timezone.now() + timedelta(minutes=1)
    )
    assert [claimed().run_id for _place in range(5)] == [newcomer.id] * 5


def test_oldest_of_a_workspace_is_first(workspace: Workspace, alice: User) -> None:
    young, old = run_of(workspace, alice), run_of(workspace, alice)
    queue(young)
    queue(old, type_name="image.resize", dispatched_at=timezone.now() - timedelta(seconds=9))
    assert [claimed().run_id, claimed().run_id] == [old.id, young.id]


def test_lanes_do_not_know_each_other(crowd: Run) -> None:
    assert claim_next(Lane.IO) is None
    queue(crowd, position=1, lane=Lane.IO)
    assert claimed(Lane.IO).position == 1


# Limits


def test_workspace_has_a_limit_in_a_lane(crowd: Run, newcomer: Run, settings: Any) -> None:
    settings.WORKSPACE_WORK_STEPS = 3
    taken = [claimed() for _place in range(6)]
    assert claim_next(Lane.WORK) is None
    assert (running(crowd.workspace_id), running(newcomer.workspace_id)) == (3, 3)
    end(next(claim for claim in taken if claim.run_id == crowd.id))
    assert claimed().run_id == crowd.id, "what a limit held back goes on where one has settled"


def test_node_type_has_a_limit_in_a_workspace(crowd: Run, newcomer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_parallel", lambda lane: {"test.work": 1})
    queue(crowd, position=1, type_name="image.resize")
    taken = [claimed() for _place in range(3)]
    assert claim_next(Lane.WORK) is None
    kinds = Counter((claim.run_id, claim.type) for claim in taken)
    assert kinds == {(crowd.id, "test.work"): 1, (crowd.id, "image.resize"): 1, (newcomer.id, "test.work"): 1}


def test_limits_of_the_catalogue_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    own = node_type_get("test.work")
    assert own
    claims._parallel.cache_clear()
    monkeypatch.setattr(claims, "node_type_get", lambda name: replace(own, parallel=2) if name == own.type else None)
    assert (claims._parallel(Lane.WORK), claims._parallel(Lane.IO)) == ({"test.work": 2}, {})
    claims._parallel.cache_clear()


def test_a_place_goes_on_until_its_time_is_over_and_calls_the_next(
    workspace: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(workspace, alice, work())
    queue(run)
    called: list[str] = []
    bells = Bells(lambda run_id: called.append("settled"), lambda: called.append("more"))
    execution.place_fill(Lane.WORK, bells)
    assert called == ["settled"], "nothing was left"
    queue(run, items=range(1, 3))
    monkeypatch.setattr(execution, "PLACE_S", 0.0)
    execution.place_fill(Lane.WORK, bells)
    assert called == ["settled", "more", "settled", "more"], "another place may take what waits; then the rest"


def test_messages_are_few_however_many_steps_wait() -> None:
    server = redis.Redis.from_url(site_settings.REDIS_URL)
    server.delete("millrace:work-steps")
    try:
        assert messages_wanted("work-steps", 10_000) == MESSAGES_WAITING
        assert messages_wanted("work-steps", 1) == 1
        tasks._call(Lane.WORK, 10_000)
        tasks._call(Lane.WORK, 10_000)
        assert server.llen("millrace:work-steps") == MESSAGES_WAITING
    finally:
        server.delete("millrace:work-steps")


# The sweeper


def test_lost_messages_are_sent_again(crowd: Run) -> None:
    assert sweeps.lanes_due() == {Lane.WORK: sweeps.LOOKS}


def test_living_workers_keep_what_they_hold(crowd: Run) -> None:
    claim = claimed()
    sweeps.lanes_due()
    assert claims.claim_held(claim)
    past = timezone.now() - timedelta(minutes=2)
    Step.objects.for_workspace(crowd.workspace_id).filter(item=claim.item).update(lease_until=past, dispatched_at=past)
    sweeps.lanes_due()
    assert not claims.claim_held(claim)
    with scope(claim.workspace_id):
        assert not execution._complete(claim, {"value": 1}), "its fence has passed"
    assert claimed().item == claim.item, "the oldest is still the oldest"


# Cancel


def test_step_of_a_cancelled_run_is_not_begun(crowd: Run, newcomer: Run) -> None:
    with scope(crowd.workspace_id):
        services.run_cancel(run=crowd)
    assert {claimed().run_id for _place in range(3)} == {newcomer.id}


def test_step_taken_back_between_claim_and_begin_does_not_begin(workspace: Workspace, alice: User) -> None:
    run = run_of(workspace, alice)
    queue(run)
    claim = claimed()
    with scope(workspace.id):
        Step.objects.update(fence=9, dispatched_at=None)
        assert not claim_tell(claim)
        assert not RunEvent.objects.filter(run=run, kind="step_started").exists()
        run.refresh_from_db()
    assert run.last_seq == 0


# With ten thousand


def _plan(statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters)
        found: Any = cursor.fetchone()[0]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]
    return plan


def test_claim_among_ten_thousand_reads_few_rows(crowd: Run, newcomer: Run) -> None:
    queue(crowd, position=1, items=range(10_000))
    parameters = {"lane": "work", "lease": 12, "most": 16, "parallel": "{}"}
    _plan(claims._CLAIM, parameters)
    plan = _plan(claims._CLAIM, parameters)
    assert "Seq Scan on runs_step" not in json.dumps(plan).replace('"Node Type": "Seq Scan", "Relation', "Seq Scan on")
    assert plan["Execution Time"] < 25, "a few milliseconds, and room for a busy machine"


# Several at once


@pytest.mark.django_db(transaction=True)
def test_no_limit_is_passed_and_no_step_taken_twice_by_many_at_once(
    workspace: Workspace, alice: User, settings: Any
) -> None:
    settings.WORKSPACE_WORK_STEPS = 5
    queue(run_of(workspace, alice), items=range(40))
    together = threading.Barrier(8)

    def place(_number: int) -> list[int]:
        together.wait()
        try:
            found = [claim_next(Lane.WORK) for _try in range(4)]
            return [claim.item for claim in found if claim]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        items = [item for found in pool.map(place, range(8)) for item in found]
    assert sorted(items) == sorted(set(items))
    assert len(items) == running(workspace.id) == 5
    with unscoped("the test tidies up before tables are truncated"):
        Run.objects.update(state="cancelled")


# Threads and their time


@pytest.fixture
def slow_io(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """`test.work` as a node of the `io` lane that waits for an event."""
    go = threading.Event()
    own = node_type_get("test.work")
    assert own

    def wait(context: NodeContext, inputs: Any, params: Any) -> dict[str, Any]:
        go.wait(20)
        return {"value": 1}

    patched: NodeType = replace(own, lane=Lane.IO, run=wait)
    real = execution._step
    monkeypatch.setattr(execution, "_step", lambda claim: replace(real(claim), type=patched))
    yield go
    go.set()


@pytest.mark.django_db(transaction=True)
def test_thread_past_its_time_fails_its_step_and_its_result_is_dropped(
    workspace: Workspace, alice: User, slow_io: threading.Event
) -> None:
    run = run_of(workspace, alice, graph([node("n0", "test.work", **{"$timeout_s": 1})]))
    queue(run, lane=Lane.IO)
    settled: list[Any] = []
    more: list[int] = []
    claim = claimed(Lane.IO)

    def place() -> None:
        try:
            execution.execute(claim, Bells(settled.append, lambda: more.append(1)))
        finally:
            connection.close()

    thread = threading.Thread(target=place)
    thread.start()
    with scope(workspace.id):
        step = wait_for(lambda: Step.objects.filter(run=run, state="failed").first(), 10)
        assert (step.error["code"], step.error["permanent"]) == ("timeout", False)
        assert thread.is_alive(), "its call has not returned"
        wait_for(lambda: more or None, 5)
        assert (settled, more) == ([run.id], [1]), "the driver goes on, and its place in the limits is free"
        slow_io.set()
        thread.join(10)
        step.refresh_from_db()
        assert (step.state, step.outputs, settled) == ("failed", None, [run.id])
        kinds = list(RunEvent.objects.filter(run=run).order_by("seq").values_list("kind", flat=True))
        assert kinds == ["step_started", "step_failed"]


# Lists map


def mapped(**params: Any) -> dict[str, Any]:
    return graph(
        [
            node("words", "input.text", text="a\nb\nc"),
            node("split", "flow.split"),
            node("each", "test.work", **params),
            node("all", "flow.template", template="{{ values[0] }}"),
        ],
        ("words", "text", "split", "text"),
        ("split", "texts", "each", "each"),
        ("each", "value", "all", "values"),
    )


@pytest.mark.usefixtures("inside")
def test_list_maps_one_step_per_item_gathered_in_order(make_workflow: Make) -> None:
    run = services.run_start(workflow=make_workflow(mapped()), actor_id=None)
    tasks.driver.advance(run.id)
    assert list(Step.objects.filter(run=run, node="each").values_list("item", "state").order_by("item")) == [
        (0, "ready"),
        (1, "ready"),
        (2, "ready"),
    ]
    # The last is done first: the order of the results is that of the items.
    Step.objects.filter(run=run, node="each", item=2).update(dispatched_at=timezone.now() - timedelta(seconds=5))
    claim = take()
    assert claim and claim.item == 2
    assert take_all() == 2
    run.refresh_from_db()
    assert run.state == "completed"
    assert Step.objects.get(run=run, node="all").outputs == {"text": '["a", "b", "c"]'}


@pytest.mark.usefixtures("inside")
def test_each_item_is_retried_on_its_own(make_workflow: Make) -> None:
    document = mapped(fail_times=1, **{"$retry": {"times": 2, "backoff_s": 0.5}})
    run = services.run_start(workflow=make_workflow(document), actor_id=None)
    tasks.driver.advance(run.id)
    claim = take()
    assert claim and claim.item == 0
    states = dict(Step.objects.filter(run=run, node="each").values_list("item", "state"))
    assert states == {0: "pending", 1: "ready", 2: "ready"}
    assert take_all() == 2
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run, state="pending").update(wake_at=past)
    tasks.driver.advance(run.id)
    assert take_all() == 3
    run.refresh_from_db()
    assert run.state == "completed"
    assert list(Attempt.objects.filter(run=run).order_by("item").values_list("item", "attempt")) == [
        (0, 1),
        (1, 1),
        (2, 1),
    ]
    assert set(Step.objects.filter(run=run, node="each").values_list("attempt", flat=True)) == {2}


@pytest.mark.usefixtures("inside")
def test_each_item_is_reused_on_its_own(make_workflow: Make) -> None:
    first = services.run_start(workflow=make_workflow(mapped()), actor_id=None)
    tasks.driver.advance(first.id)
    assert take_all() == 3
    document = mapped()
    document["nodes"][0]["params"]["text"] = "c\na\nx"
    second = services.run_start(workflow=make_workflow(document), actor_id=None)
    tasks.driver.advance(second.id)
    states = dict(Step.objects.filter(run=second, node="each").values_list("item", "state"))
    assert states == {0: "cached", 1: "cached", 2: "ready"}
    assert take_all() == 1
    assert Step.objects.get(run=second, node="all").outputs == {"text": '["c", "a", "x"]'}


@pytest.mark.usefixtures("inside")
def test_limits_of_a_type_fail_the_step_and_stop_the_run(make_workflow: Make) -> None:
    document = graph([node("n0", "test.work", memory_mb=600), node("n1")], ("n0", "value", "n1", "value"))
    run = services.run_start(workflow=make_workflow(document), actor_id=None)
    tasks.driver.advance(run.id)
    began = time.monotonic()
    assert take_all() == 1
    assert time.monotonic() - began < 10
    run.refresh_from_db()
    step = Step.objects.get(run=run, node="n0")
    assert run.state == "failed"
    assert step.error == {"code": "out-of-memory", "message": "It used more than 256 MB of memory.", "permanent": True}
    assert run.error and "256 MB" in run.error["message"]
