"""A workflow as a step of another, in one process: what it is given and gives, retries, cancel, one per try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.projects.models import Workflow
from apps.projects.services import workflow_trash
from apps.runs import driver, services, subruns, sweeps
from apps.runs.driver import advance
from apps.runs.journal import FenceLost
from apps.runs.lease import lease_take
from apps.runs.models import Attempt, Run, RunEvent, Step
from tests.runs.graphs import graph, node
from tests.runs.nesting import (
    around,
    children,
    committed,
    drive,
    ended,
    given,
    gives,
    outputs,
    publish,
    shout,
    start,
    states,
    top,
    use,
)

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


def test_gives_what_reached_its_outputs(make_workflow: Make, shouting: Workflow) -> None:
    run = start(make_workflow(top(shouting)))
    drive(run.id)
    assert ended(run).state == "completed"
    assert outputs(run, "sub") == [{"text": "sea!"}]
    assert outputs(run, "after") == [{"value": "sea!"}]
    (child,) = children(run)
    assert (child.state, child.version, child.workflow_id) == ("completed", 1, shouting.id)
    assert Step.objects.get(run=child, node="in-text").inputs == {"value": "sea"}, "what it was given can be seen"


def test_three_levels(make_workflow: Make, shouting: Workflow) -> None:
    middle = make_workflow(around(shouting))
    publish(middle)
    run = start(make_workflow(top(middle)))
    drive(run.id)
    assert outputs(run, "after") == [{"value": "sea!"}]
    (outer,) = children(run)
    (inner,) = children(outer)
    assert (inner.parent_id, inner.state) == (outer.id, "completed")
    assert children(inner) == []


def test_stays_with_its_version(make_workflow: Make, shouting: Workflow) -> None:
    pinned = make_workflow(top(shouting))
    assert publish(shouting, shout("{{ value }}?")) == 2
    workflow_name = Workflow.objects.get(id=pinned.id)
    run = start(workflow_name)
    newer = start(make_workflow(top(shouting, version=2)))
    drive(run.id, newer.id)
    assert (outputs(run, "after"), outputs(newer, "after")) == ([{"value": "sea!"}], [{"value": "sea?"}])


def test_trashed_after_the_start_goes_on(make_workflow: Make, shouting: Workflow) -> None:
    run = start(make_workflow(top(shouting)))
    workflow_trash(workflow=shouting)
    drive(run.id)
    assert ended(run).state == "completed"


def test_list_starts_one_run_per_item(make_workflow: Make, shouting: Workflow) -> None:
    words = [node(f"w{i}", "input.text", text=f"{i}") for i in range(5)]
    listed = {
        "id": "list",
        "type": "flow.input",
        "params": {"name": "list", "type": "json", "default": ["a", "b", "c"]},
    }
    nodes = [*words, listed, use(shouting), node("after")]
    run = start(make_workflow(graph(nodes, ("list", "value", "sub", "text"), ("sub", "text", "after", "value"))))
    drive(run.id)
    assert ended(run).state == "completed"
    assert outputs(run, "after") == [{"value": ["a!", "b!", "c!"]}]
    assert [child.parent_item for child in children(run)] == [0, 1, 2]


def test_failure_is_told_in_the_words_of_the_child(make_workflow: Make) -> None:
    nodes = [given(), node("bad", "flow.condition", expression="value > 1"), gives()]
    broken = make_workflow(graph(nodes, ("in-text", "value", "bad", "value"), ("bad", "true", "out-text", "value")))
    publish(broken)
    run = start(make_workflow(top(broken)))
    drive(run.id)
    (child,) = children(run)
    step = Step.objects.get(run=run, node="sub")
    assert (ended(run).state, step.state, states(run)["after"]) == ("failed", "failed", "skipped")
    assert step.error and child.error
    assert step.error["message"] == child.error["message"]
    assert step.error["run"] == str(child.id)
    assert step.error["permanent"] is True


def test_retry_makes_another_run_that_keeps_what_was_done(make_workflow: Make) -> None:
    nodes = [given(), node("once", "flow.wait", seconds=0), node("moody", fail_times=1), gives()]
    edges = [("in-text", "value", "once", "value"), ("once", "value", "moody", "value")]
    moody = make_workflow(graph(nodes, *edges, ("moody", "value", "out-text", "value")))
    publish(moody)
    run = start(make_workflow(top(moody, {"$retry": {"times": 2, "backoff_s": 0.1}})))
    drive(run.id)
    for child in children(run):
        drive(child.id)  # its wait of no time is over
    Step.objects.filter(run=run, node="sub").update(wake_at=timezone.now())
    drive(run.id)
    assert ended(run).state == "completed"
    first, second = children(run)
    assert (first.state, second.state) == ("failed", "completed")
    assert (first.parent_attempt, second.parent_attempt, second.from_run_id) == (1, 2, first.id)
    assert states(second)["once"] == "cached", "what the first did is not done again"
    tried = Attempt.objects.get(run=run)
    assert tried.error["run"] == str(first.id)
    began = RunEvent.objects.filter(run=run, kind="step_started", body__node="sub").order_by("seq")
    assert [tried.started_at, Step.objects.get(run=run, node="sub").started_at] == [event.at for event in began]


def test_branch_not_taken_leaves_the_output_out(make_workflow: Make) -> None:
    nodes = [given(), node("c", "flow.condition", expression="value == 'sea'"), gives("yes"), gives("no")]
    edges = [("in-text", "value", "c", "value"), ("c", "true", "out-yes", "value"), ("c", "false", "out-no", "value")]
    fork = make_workflow(graph(nodes, *edges))
    publish(fork)
    top_nodes = [node("words", "input.text", text="sea"), use(fork), node("a"), node("b")]
    outer = graph(
        top_nodes, ("words", "text", "sub", "text"), ("sub", "yes", "a", "value"), ("sub", "no", "b", "value")
    )
    run = start(make_workflow(outer))
    drive(run.id)
    assert ended(run).state == "completed"
    assert states(run) | {"words": ""} == {"words": "", "sub": "completed", "a": "completed", "b": "skipped"}


def test_default_stands_in_for_what_is_not_connected(make_workflow: Make) -> None:
    nodes = [given(default="fog"), gives()]
    quiet = make_workflow(graph(nodes, ("in-text", "value", "out-text", "value")))
    publish(quiet)
    run = start(make_workflow(graph([use(quiet), node("after")], ("sub", "text", "after", "value"))))
    drive(run.id)
    assert outputs(run, "after") == [{"value": "fog"}]


def test_run_by_itself_says_what_is_missing(make_workflow: Make, shouting: Workflow) -> None:
    run = start(shouting)
    drive(run.id)
    assert ended(run).state == "failed"
    assert run.error and "default" in run.error["message"]
    given_one = start(shouting, part=services.Part(inputs={"in-text": {"value": "hand"}}))
    drive(given_one.id)
    assert ended(given_one).state == "completed"
    assert Step.objects.get(run=given_one, node="out-text").outputs == {"value": "hand!"}


# Once per attempt


def test_parent_that_dies_behind_the_barrier_finds_the_same_child(
    make_workflow: Make, shouting: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_workflow(top(shouting)))

    class Died(BaseException):
        pass

    ensure = subruns.ensure

    def dies_after(*args: Any, **kwargs: Any) -> Any:
        ensure(*args, **kwargs)
        raise Died

    monkeypatch.setattr(subruns, "ensure", dies_after)
    with pytest.raises(Died):
        advance(run.id)
    monkeypatch.setattr(subruns, "ensure", ensure)
    assert len(children(run)) == 1
    Run.objects.filter(id=run.id).update(lease_until=timezone.now())
    drive(run.id)
    (child,) = children(run)
    drive(child.id)
    assert len(children(run)) == 1
    assert ended(run).state == "completed"


def test_parent_that_dies_before_the_child_was_made_makes_it_later(
    make_workflow: Make, shouting: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_workflow(top(shouting)))

    class Died(BaseException):
        pass

    def dies(*_args: Any, **_kwargs: Any) -> Any:
        raise Died

    monkeypatch.setattr(subruns, "ensure", dies)
    with pytest.raises(Died):
        advance(run.id)
    monkeypatch.undo()
    assert children(run) == []
    assert Step.objects.get(run=run, node="sub").state == "running"
    Run.objects.filter(id=run.id).update(lease_until=timezone.now())
    drive(run.id)
    assert ended(run).state == "completed"


def test_driver_without_its_lease_starts_nothing(make_workflow: Make, shouting: Workflow) -> None:
    run = start(make_workflow(top(shouting)))
    lease = lease_take(run.id)
    assert lease
    zombie = driver.Driver(lease)
    Run.objects.filter(id=run.id).update(lease_until=timezone.now())
    drive(run.id)
    assert ended(run).state == "completed"
    with pytest.raises(FenceLost), committed():
        zombie.drive()
    assert len(children(run)) == 1


def test_lost_message_of_the_child_is_swept(make_workflow: Make, shouting: Workflow) -> None:
    run = start(make_workflow(top(shouting)))
    (due,) = advance(run.id)
    advance(due.run_id)  # and the message to the parent is lost
    assert ended(run).state == "running"
    assert run.id in sweeps.runs_due(), "the child's end is also a time to wake"
    drive(run.id)
    assert ended(run).state == "completed"


def test_parent_rests_while_its_child_waits(make_workflow: Make) -> None:
    nodes = [given(), node("wait", "flow.wait", seconds=3600), gives()]
    patient = make_workflow(graph(nodes, ("in-text", "value", "wait", "value"), ("wait", "value", "out-text", "value")))
    publish(patient)
    run = start(make_workflow(top(patient)))
    drive(run.id)
    drive(run.id)
    assert ended(run).state == "waiting"
    assert run.wake_at is None, "nobody looks at it until the child ends"
    (child,) = children(run)
    Step.objects.filter(run=child, node="wait").update(wake_at=timezone.now())
    drive(child.id)
    assert ended(run).state == "completed"


# Cancel and time limit


def test_cancel_reaches_every_level(make_workflow: Make) -> None:
    nodes = [given(), node("wait", "flow.wait", seconds=3600), gives()]
    patient = make_workflow(graph(nodes, ("in-text", "value", "wait", "value"), ("wait", "value", "out-text", "value")))
    publish(patient)
    middle = make_workflow(around(patient))
    publish(middle)
    run = start(make_workflow(top(middle)))
    drive(run.id)
    services.run_cancel(run=run)
    drive(run.id)
    assert ended(run).state == "cancelled"
    assert states(run)["sub"] == "cancelled"
    (outer,) = children(run)
    (inner,) = children(outer)
    assert (outer.state, inner.state, states(inner)["wait"]) == ("cancelled", "cancelled", "cancelled")


def test_a_run_whose_step_was_cancelled_by_itself_can_be_retried(make_workflow: Make) -> None:
    nodes = [given(), node("wait", "flow.wait", seconds=3600), gives()]
    patient = make_workflow(graph(nodes, ("in-text", "value", "wait", "value"), ("wait", "value", "out-text", "value")))
    publish(patient)
    run = start(make_workflow(top(patient)))
    drive(run.id)
    (child,) = children(run)
    services.run_cancel(run=child)
    drive(child.id)
    assert (ended(run).state, states(run)["sub"]) == ("cancelled", "cancelled")
    assert services.run_retry(run=ended(run), actor_id=None)


def test_time_limit_ends_the_child(make_workflow: Make) -> None:
    nodes = [given(), node("wait", "flow.wait", seconds=3600), gives()]
    patient = make_workflow(graph(nodes, ("in-text", "value", "wait", "value"), ("wait", "value", "out-text", "value")))
    publish(patient)
    run = start(make_workflow(top(patient, {"$timeout_s": 60})))
    drive(run.id)
    Step.objects.filter(run=run, node="sub").update(wake_at=timezone.now())
    drive(run.id)
    assert ended(run).state == "failed"
    assert run.error and "time limit" in run.error["message"]
    assert [child.state for child in children(run)] == ["cancelled"]


def test_child_is_retried_with_its_parent_only(make_workflow: Make) -> None:
    nodes = [given(), node("bad", "flow.condition", expression="value > 1"), gives()]
    broken = make_workflow(graph(nodes, ("in-text", "value", "bad", "value"), ("bad", "true", "out-text", "value")))
    publish(broken)
    run = start(make_workflow(top(broken)))
    drive(run.id)
    (child,) = children(run)
    with pytest.raises(services.RunNotFailed, match="step of another run"):
        services.run_retry(run=child, actor_id=None)
    again = services.run_retry(run=ended(run), actor_id=None)
    drive(again.id)
    (second,) = children(again)
    assert second.from_run_id == child.id
