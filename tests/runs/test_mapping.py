"""A list at a port for one value: one heavy step per item, each retried and reused on its own, gathered in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import Attempt, Step
from tests.runs.graphs import graph, node
from tests.runs.lanes import take, take_all

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


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


def test_list_maps_one_step_per_item_gathered_in_order(make_workflow: Make) -> None:
    run = services.run_start(workflow=make_workflow(mapped()), actor_id=None)
    advance(run.id)
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


def test_each_item_is_retried_on_its_own(make_workflow: Make) -> None:
    document = mapped(fail_times=1, **{"$retry": {"times": 2, "backoff_s": 60}})
    run = services.run_start(workflow=make_workflow(document), actor_id=None)
    advance(run.id)
    claim = take()
    assert claim and claim.item == 0
    states = dict(Step.objects.filter(run=run, node="each").values_list("item", "state"))
    assert states == {0: "pending", 1: "ready", 2: "ready"}
    assert take_all() == 2
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run, state="pending").update(wake_at=past)
    advance(run.id)
    assert take_all() == 3
    run.refresh_from_db()
    assert run.state == "completed"
    assert list(Attempt.objects.filter(run=run).order_by("item").values_list("item", "attempt")) == [
        (0, 1),
        (1, 1),
        (2, 1),
    ]
    assert set(Step.objects.filter(run=run, node="each").values_list("attempt", flat=True)) == {2}


def test_each_item_is_reused_on_its_own(make_workflow: Make) -> None:
    first = services.run_start(workflow=make_workflow(mapped()), actor_id=None)
    advance(first.id)
    assert take_all() == 3
    document = mapped()
    document["nodes"][0]["params"]["text"] = "c\na\nx"
    second = services.run_start(workflow=make_workflow(document), actor_id=None)
    advance(second.id)
    states = dict(Step.objects.filter(run=second, node="each").values_list("item", "state"))
    assert states == {0: "cached", 1: "cached", 2: "ready"}
    assert take_all() == 1
    assert Step.objects.get(run=second, node="all").outputs == {"text": '["c", "a", "x"]'}


def test_limits_of_a_type_fail_the_step_and_stop_the_run(make_workflow: Make) -> None:
    document = graph([node("n0", "test.work", memory_mb=600), node("n1")], ("n0", "value", "n1", "value"))
    run = services.run_start(workflow=make_workflow(document), actor_id=None)
    advance(run.id)
    assert take_all() == 1
    run.refresh_from_db()
    step = Step.objects.get(run=run, node="n0")
    assert run.state == "failed"
    assert step.error == {"code": "out-of-memory", "message": "It used more than 256 MB of memory.", "permanent": True}
    assert run.error and "256 MB" in run.error["message"]


def test_an_empty_list_is_done_at_once_and_says_so(make_workflow: Make) -> None:
    document = mapped()
    document["nodes"][0]["params"]["text"] = " "
    workflow = make_workflow(document)
    assert [step.action for step in services.estimate(workflow=workflow).steps] == ["run"] * 4
    for _again in range(2):
        run = services.run_start(workflow=workflow, actor_id=None)
        advance(run.id)
        run.refresh_from_db()
        assert run.state == "completed"
        each = Step.objects.get(run=run, node="each")
        assert (each.state, each.outputs) == ("completed", {"value": []})
        assert Step.objects.get(run=run, node="all").outputs == {"text": "[]"}


def test_null_at_one_item_fails_that_item_alone(make_workflow: Make) -> None:
    nodes = [
        node("texts", "flow.split", **{"$pin": {"texts": ["a", None, "c"]}}),
        node("each", "flow.split", **{"$on_failure": "default", "$default": {"texts": ["none"]}}),
        node("all"),
    ]
    edges = [("texts", "texts", "each", "text"), ("each", "texts", "all", "value")]
    document = graph([node("words", "input.text", text="x"), *nodes], ("words", "text", "texts", "text"), *edges)
    run = services.run_start(workflow=make_workflow(document), actor_id=None)
    advance(run.id)
    assert Step.objects.get(run=run, node="all").outputs == {"value": [["a"], ["none"], ["c"]]}
    failed = Step.objects.get(run=run, node="each", item=1)
    assert (failed.state, failed.error["message"]) == ("failed", "Text takes text, but got nothing.")


def test_a_pinned_node_gives_its_values_once_whatever_arrives(make_workflow: Make) -> None:
    run = services.run_start(workflow=make_workflow(mapped(**{"$pin": {"value": ["x", "y"]}})), actor_id=None)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    pinned = Step.objects.get(run=run, node="each")
    assert (pinned.state, pinned.inputs, pinned.outputs) == ("cached", {"each": ["a", "b", "c"]}, {"value": ["x", "y"]})
    assert Step.objects.get(run=run, node="all").outputs == {"text": '["x", "y"]'}
