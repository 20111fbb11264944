"""What follows when a run stops by itself: nothing more begins, nothing more is paid, what runs may end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.billing.services import balance_get
from apps.engine.node_types import Lane
from apps.generations.models import Generation
from apps.projects.models import Workflow
from apps.runs import execution
from apps.runs.claims import claim_next
from apps.runs.driver import advance
from apps.runs.models import Run, Step
from apps.workspaces.models import Workspace
from tests.runs.asking import start
from tests.runs.comparing import LENGTHS, Compare, Finish, Vendors
from tests.runs.graphs import graph, node
from tests.runs.lanes import take, take_all
from tests.runs.nesting import given, gives, publish, use
from tests.vendors.life import live

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]
LINES = node("words", "input.text", text="a\nb\nc"), node("split", "flow.split")
SPLIT = ("words", "text", "split", "text")


def works(**params: Any) -> dict[str, Any]:
    """A heavy step for each of three lines."""
    return graph([*LINES, node("each", "test.work", **params)], SPLIT, ("split", "texts", "each", "each"))


def asks() -> dict[str, Any]:
    """A text for each of three lines."""
    ask = node("each", "text.generate", model="alpha/writer")
    return graph([*LINES, ask], SPLIT, ("split", "texts", "each", "prompt"))


def states(run: Run, name: str = "each") -> list[str]:
    return list(Step.objects.filter(run=run, node=name).order_by("item").values_list("state", flat=True))


def ended(run: Run) -> str:
    run.refresh_from_db()
    return str(run.state)


@pytest.mark.parametrize("vary", [None, LENGTHS])
@pytest.mark.parametrize("settings", [{"$on_failure": "branch"}, {"$on_failure": "default", "$default": {"text": "-"}}])
def test_a_run_stops_at_its_limit_whatever_its_nodes_do_about_failures(
    compare: Compare, finish: Finish, vendors: Vendors, vary: Any, settings: dict[str, Any]
) -> None:
    run = finish(start(compare(vary, **settings), max_credits=500_000))
    assert run.state == "failed"
    assert run.error and run.error["node"] == "ask"
    assert "This run may cost at most 0.5 credits" in run.error["message"]
    assert states(run, "after") == ["skipped"]
    assert not Generation.objects.filter(run_id=run.id).exists()


def test_a_failed_item_keeps_its_siblings_from_beginning(make_workflow: Make) -> None:
    run = start(make_workflow(works(fail_times=9)))
    assert states(run) == ["ready", "ready", "ready"]
    assert take()
    assert states(run) == ["failed", "skipped", "skipped"]
    assert ended(run) == "failed"
    assert Step.objects.get(run=run, item=1).error == {"code": "skipped", "message": "Work failed."}
    assert take_all() == 0


def test_an_item_that_runs_may_end_beside_one_that_failed(make_workflow: Make) -> None:
    run = start(make_workflow(works(fail_times=9)))
    running = claim_next(Lane.WORK)
    assert running and running.item == 0
    assert take()
    assert states(run) == ["running", "failed", "skipped"]
    assert ended(run) == "running"
    execution.execute(running, execution.Bells(lambda run_id: None, lambda: None))
    advance(run.id)
    assert (states(run), ended(run)) == (["failed", "failed", "skipped"], "failed")


def test_an_item_that_failed_before_is_not_tried_again_when_the_run_has_failed(make_workflow: Make) -> None:
    run = start(make_workflow(works(fail_times=9, **{"$retry": {"times": 1, "backoff_s": 600}})))
    assert take() and take()
    assert states(run) == ["pending", "pending", "ready"]
    # The second item's pause is over, and its last try fails.
    Step.objects.filter(run=run, item=1).update(wake_at=timezone.now() - timedelta(seconds=1))
    Step.objects.filter(run=run, item=2).update(dispatched_at=timezone.now() + timedelta(hours=1))
    advance(run.id)
    assert states(run) == ["pending", "ready", "ready"]
    assert take()
    assert (states(run), ended(run)) == (["skipped", "failed", "skipped"], "failed")
    assert dict(Step.objects.filter(run=run, node="each").values_list("item", "attempt")) == {0: 1, 1: 2, 2: 1}


def test_no_other_item_is_paid_when_one_has_failed(
    make_workflow: Make, vendors: Vendors, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_workflow(asks()))
    first, *others = Generation.objects.filter(run_id=run.id).order_by("item")
    assert len(others) == 2
    vendors[0].script = "refuses"
    live(first, monkeypatch)
    monkeypatch.undo()
    advance(run.id)
    assert states(run) == ["failed", "cancelled", "cancelled"]
    assert ended(run) == "failed"
    assert run.error and run.error["message"].startswith("Generate text: Alpha did not accept the settings")
    assert len(vendors[0].submitted) == 1
    assert balance_get(workspace_id=workspace.id).held == 0


def test_a_failure_is_known_to_steps_before_it_in_the_plan(make_workflow: Make) -> None:
    slow = node("slow", "test.work", fail_times=1, **{"$retry": {"times": 1, "backoff_s": 600}})
    run = start(make_workflow(graph([slow, node("bad", "test.work", fail_times=9)])))
    assert take()
    assert states(run, "slow") == ["pending"]
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run, node="slow").update(wake_at=past)
    assert take()
    assert (states(run, "slow"), states(run, "bad"), ended(run)) == (["skipped"], ["failed"], "failed")


@pytest.mark.parametrize("waiting", ["flow.wait", "flow.approval"])
def test_a_failed_run_waits_for_nothing(make_workflow: Make, waiting: str) -> None:
    params = {"seconds": 86_400} if waiting == "flow.wait" else {}
    words, wait = node("words", "input.text", text="a"), node("wait", waiting, **params)
    document = graph([words, wait, node("bad", "test.work", fail_times=9)], ("words", "text", "wait", "value"))
    run = start(make_workflow(document))
    assert (states(run, "wait"), ended(run)) == (["waiting"], "running")
    assert take()
    assert (states(run, "wait"), ended(run)) == (["cancelled"], "failed")
    assert Step.objects.get(run=run, node="wait").error == {"code": "cancelled", "message": "Work failed."}


def test_a_failed_run_does_not_wait_for_an_answer_inside(make_workflow: Make) -> None:
    inner = [given(), node("ask", "flow.approval"), gives()]
    sub = make_workflow(graph(inner, ("in-text", "value", "ask", "value"), ("ask", "approved", "out-text", "value")))
    publish(sub)
    words, bad = node("words", "input.text", text="a"), node("bad", "test.work", fail_times=9)
    run = start(make_workflow(graph([words, use(sub, "sub"), bad], ("words", "text", "sub", "text"))))
    child = Run.objects.get(parent_id=run.id)
    advance(child.id)
    assert ended(child) == "waiting"
    assert take()
    for _turn in range(2):
        advance(child.id)
        advance(run.id)
    assert (ended(child), ended(run)) == ("cancelled", "failed")
