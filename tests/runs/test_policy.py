"""A node's policy: retries, time limit, and what follows a failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.engine.policy import NO_POLICY, Policy, policy_of
from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import Attempt, Run, RunEvent, Step
from apps.runs.plans import InvalidGraph
from tests.runs.graphs import graph, node

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


def failing(times: int, **settings: Any) -> dict[str, Any]:
    """A step that fails at first, and one behind it."""
    nodes = [node("n", "input.number", number=1), node("bad", fail_times=times, **settings), node("end")]
    return graph(nodes, ("n", "number", "bad", "value"), ("bad", "value", "end", "value"))


def start(workflow: Workflow) -> Run:
    run = services.run_start(workflow=workflow, actor_id=None)
    advance(run.id)
    return run


def pause_over(run: Run) -> None:
    """The pause before the next try is over."""
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run, state="pending").update(wake_at=past)
    Run.objects.filter(id=run.id).update(wake_at=past)
    advance(run.id)


def state(run: Run) -> str:
    run.refresh_from_db()
    return str(run.state)


def test_passing_failures_are_tried_again_and_every_try_is_kept(make_workflow: Make) -> None:
    begun = timezone.now()
    run = start(make_workflow(failing(2, **{"$retry": {"times": 3, "backoff_s": 5, "factor": 3}})))
    run.refresh_from_db()
    assert run.state == "waiting" and run.wake_at and run.lease_until is None
    step = Step.objects.get(run=run, node="bad")
    assert (step.state, step.attempt) == ("pending", 1)
    assert step.wake_at - begun >= timedelta(seconds=4) and step.wake_at - timezone.now() <= timedelta(seconds=6)
    advance(run.id)
    assert Step.objects.get(run=run, node="bad").attempt == 1, "not before its time"
    begun = timezone.now()
    pause_over(run)
    step = Step.objects.get(run=run, node="bad")
    assert (step.state, step.attempt) == ("pending", 2)
    assert step.wake_at - begun >= timedelta(seconds=12) and step.wake_at - timezone.now() <= timedelta(seconds=18)
    pause_over(run)
    assert state(run) == "completed"
    step = Step.objects.get(run=run, node="bad")
    assert (step.state, step.attempt, step.outputs) == ("completed", 3, {"value": 1})
    tries = Attempt.objects.filter(run=run).order_by("attempt")
    assert [(one.attempt, one.error["code"]) for one in tries] == [(1, "on-request"), (2, "on-request")]
    kinds = list(RunEvent.objects.filter(run=run, body__node="bad").order_by("seq").values_list("kind", flat=True))
    assert kinds == [*["step_started", "step_retrying"] * 2, "step_started", "step_succeeded"]


def test_when_the_tries_are_used_up_the_step_has_failed(make_workflow: Make) -> None:
    run = start(make_workflow(failing(9, **{"$retry": {"times": 1}})))
    pause_over(run)
    assert state(run) == "failed"
    assert Step.objects.get(run=run, node="bad").attempt == 2
    assert Step.objects.get(run=run, node="end").state == "skipped"
    # Run again: the tries of before are kept in number, and do not count against the policy.
    new = services.run_retry(run=run, actor_id=None)
    advance(new.id)
    assert Step.objects.get(run=new, node="bad").attempt == 3
    assert state(new) == "waiting"


def test_cancel_while_it_waits_for_its_next_try(make_workflow: Make) -> None:
    run = start(make_workflow(failing(9, **{"$retry": {"times": 5, "backoff_s": 3600}})))
    services.run_cancel(run=run)
    advance(run.id)
    assert state(run) == "cancelled"
    assert Step.objects.get(run=run, node="bad").state == "cancelled"


def test_a_default_takes_the_place_of_what_failed(make_workflow: Make) -> None:
    run = start(make_workflow(failing(9, **{"$on_failure": "default", "$default": {"value": 42}})))
    assert state(run) == "completed"
    assert Step.objects.get(run=run, node="bad").state == "failed"
    assert Step.objects.get(run=run, node="end").outputs == {"value": 42}


def test_a_failure_takes_the_error_branch(make_workflow: Make) -> None:
    document = failing(9, **{"$on_failure": "branch"})
    document["nodes"].append(node("why"))
    document["edges"].append(
        {"id": "x", "source": "bad", "source_port": "error", "target": "why", "target_port": "value"}
    )
    run = start(make_workflow(document))
    assert state(run) == "completed"
    assert Step.objects.get(run=run, node="why").outputs["value"]["code"] == "on-request"
    assert Step.objects.get(run=run, node="end").state == "skipped"


def test_inputs_that_do_not_fit_are_a_failure_like_any_other(make_workflow: Make) -> None:
    nodes = [node("t", "input.text", text="x"), node("p"), node("n", "image.resize", **{"$on_failure": "branch"})]
    nodes.append(node("why"))
    edges = [("t", "text", "p", "value"), ("p", "value", "n", "image"), ("n", "error", "why", "value")]
    run = start(make_workflow(graph(nodes, *edges)))
    assert state(run) == "completed"
    assert Step.objects.get(run=run, node="why").outputs["value"]["code"] == "wrong-type"


def test_no_failure_leaves_the_error_branch_aside(make_workflow: Make) -> None:
    document = failing(0, **{"$on_failure": "branch"})
    document["nodes"].append(node("why"))
    document["edges"].append(
        {"id": "x", "source": "bad", "source_port": "error", "target": "why", "target_port": "value"}
    )
    run = start(make_workflow(document))
    assert Step.objects.get(run=run, node="why").state == "skipped"
    assert Step.objects.get(run=run, node="end").state == "completed"


def test_a_try_over_its_time_limit_has_failed(make_workflow: Make) -> None:
    run = start(make_workflow(graph([node("slow", sleep_ms=150, **{"$timeout_s": 0.1})])))
    assert state(run) == "failed"
    assert Step.objects.get(run=run).error["code"] == "timeout"


BAD = [
    ({"$retry": {"times": 99}}, "$retry", "Times must lie between 0 and 10."),
    ({"$retry": {"times": 1, "backoff_s": 0}}, "$retry", "Wait before the first retry, seconds must lie between"),
    ({"$retry": "often"}, "$retry", "Retries must be an object."),
    ({"$retry": {}}, "$retry", "Retries lacks “times”."),
    ({"$retry": {"times": 1, "pause": 5}}, "$retry", "“pause” is not a parameter of Retries."),
    ({"$timeout_s": -1}, "$timeout_s", "Time limit, seconds must lie between"),
    ({"$on_failure": "shrug"}, "$on_failure", "If it fails must be one of: stop, default, branch."),
    ({"$on_failure": "default"}, "$default", "Say what the outputs give when it fails."),
    ({"$on_failure": "default", "$default": {"nothing": 1}}, "$default", "There is no output nothing."),
    ({"$pin": {"nothing": 1}}, "$pin", "There is no output nothing."),
    ({"$pin": 3}, "$pin", "Pinned output"),
    ({"$always_new": "yes"}, "$always_new", "Always new must be yes or no."),
    ({"$magic": 1}, "$magic", "“$magic” is not a parameter"),
]


@pytest.mark.parametrize(("settings", "place", "sentence"), BAD)
def test_bad_settings_are_found_at_the_node(
    make_workflow: Make, settings: dict[str, Any], place: str, sentence: str
) -> None:
    with pytest.raises(InvalidGraph) as refusal:
        services.run_start(workflow=make_workflow(graph([node("a", **settings)])), actor_id=None)
    (problem,) = refusal.value.problems
    assert (problem.node, problem.port, problem.code) == ("a", place, "bad-param")
    assert sentence in problem.message


def test_a_pause_has_no_second_time_limit(make_workflow: Make) -> None:
    nodes = [node("n", "input.number", number=1), node("w", "flow.wait", seconds=1, **{"$timeout_s": 1})]
    with pytest.raises(InvalidGraph) as refusal:
        services.run_start(workflow=make_workflow(graph(nodes, ("n", "number", "w", "value"))), actor_id=None)
    assert [(one.node, one.port) for one in refusal.value.problems] == [("w", "$timeout_s")]


def test_an_edge_from_the_error_output_needs_the_branch(make_workflow: Make) -> None:
    document = graph([node("a"), node("b")], ("a", "error", "b", "value"))
    with pytest.raises(InvalidGraph) as refusal:
        services.run_start(workflow=make_workflow(document), actor_id=None)
    assert refusal.value.problems[0].code == "unknown-port"


def test_pauses_grow_and_end() -> None:
    policy = Policy(retries=3, backoff_s=2, factor=3)
    pauses = [policy.pause_s(attempt, permanent=False, jitter=1) for attempt in (1, 2, 3, 4)]
    assert pauses == [2, 6, 18, None]
    assert policy.pause_s(1, permanent=True) is None
    assert Policy(retries=10, backoff_s=3600, factor=10).pause_s(9, permanent=False, jitter=1) == 3600
    spread = {policy.pause_s(1, permanent=False) for _ in range(20)}
    assert len(spread) > 1 and all(1.6 <= (pause or 0) <= 2.4 for pause in spread)
    assert policy_of({"prompt": "x"}) is NO_POLICY


@pytest.mark.parametrize(
    ("settings", "port", "given"),
    [
        ({"$on_failure": "default", "$default": {"texts": None}}, "texts", None),
        ({"$on_failure": "branch"}, "error", "wrong-type"),
    ],
)
@pytest.mark.parametrize("value", [{"a": 1}, None])
def test_an_input_that_does_not_fit_is_a_failure_like_any_other(
    make_workflow: Make, settings: dict[str, Any], port: str, given: Any, value: Any
) -> None:
    nodes = [node("before"), node("bad", "flow.split", **settings), node("end")]
    workflow = make_workflow(graph(nodes, ("before", "value", "bad", "text"), ("bad", port, "end", "value")))
    run = services.run_start(workflow=workflow, actor_id=None, part=services.Part(inputs={"before": {"value": value}}))
    advance(run.id)
    assert state(run) == "completed"
    bad = Step.objects.get(run=run, node="bad")
    assert (bad.state, bad.error["code"]) == ("failed", "wrong-type")
    got = Step.objects.get(run=run, node="end").outputs["value"]
    assert (got["code"] if isinstance(got, dict) else got) == given
