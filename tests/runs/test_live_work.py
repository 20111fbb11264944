"""Heavy steps on the running site: side by side, within limits, and gone with their worker or their run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psutil

from apps.projects.models import Workflow
from apps.runs.models import Step
from apps.workspaces.models import Workspace
from tests.live_stack import LiveStack
from tests.runs.graphs import graph, node
from tests.runs.live import Api, consistent, wait_for

Make = Callable[[dict[str, Any]], Workflow]


def worker(stack: LiveStack) -> psutil.Process:
    return psutil.Process(stack.pid("work"))


def child_of(stack: LiveStack) -> psutil.Process | None:
    """The process of a step: a child of a child of the worker."""
    return next((step for pool in worker(stack).children() for step in pool.children()), None)


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def moment(step: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(step[name])


def test_branches_run_side_by_side(site: Api, make_workflow: Make) -> None:
    run = site.started(
        make_workflow(graph([node("a", "test.work", sleep_ms=2000), node("b", "test.work", sleep_ms=2000)]))
    )
    assert site.end(run)["state"] == "completed"
    consistent(site, run)
    a, b = site.steps(run)["a"], site.steps(run)["b"]
    assert max(moment(a, "started_at"), moment(b, "started_at")) < min(
        moment(a, "finished_at"), moment(b, "finished_at")
    )


def test_list_runs_item_by_item_and_is_gathered_in_order(site: Api, make_workflow: Make) -> None:
    document = graph(
        [
            node("words", "input.text", text="a\nb\nc\nd\ne"),
            node("split", "flow.split"),
            node("each", "test.work", sleep_ms=100),
            node("all", "flow.template", template="{{ values[0] }}"),
        ],
        ("words", "text", "split", "text"),
        ("split", "texts", "each", "each"),
        ("each", "value", "all", "values"),
    )
    run = site.started(make_workflow(document))
    assert site.end(run)["state"] == "completed"
    assert site.steps(run)["all"]["outputs"] == {"text": '["a", "b", "c", "d", "e"]'}
    kinds = [event["kind"] for event in site.stored(run) if event.get("node") == "each"]
    assert (kinds.count("step_started"), kinds.count("step_succeeded")) == (5, 5)


def test_each_limit_is_told_apart(site: Api, make_workflow: Make) -> None:
    branch = {"$on_failure": "branch"}
    nodes = [
        node("memory", "test.work", memory_mb=1000, **branch),
        node("crash", "test.work", crash=True, **branch),
        node("time", "test.work", sleep_ms=60_000, **{"$timeout_s": 1}, **branch),
        node("fine", "test.work", memory_mb=50, busy_ms=50),
    ]
    run = site.started(make_workflow(graph(nodes)))
    found = site.end(run)
    assert found["state"] == "completed"
    steps = site.steps(run)
    assert {name: (step["error"] or {}).get("code") for name, step in steps.items()} == {
        "memory": "out-of-memory",
        "crash": "child-died",
        "time": "timeout",
        "fine": None,
    }
    assert steps["memory"]["error"]["message"] == "It used more than 256 MB of memory."
    assert steps["fine"]["state"] == "completed"


def test_progress_streams_through(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(graph([node("a", "test.work", sleep_ms=2500)])))
    site.end(run)
    told = [event["progress"] for event in site.stored(run) if event["kind"] == "step_progress"]
    assert len(told) >= 2 and told == sorted(told)


def test_killed_worker_takes_its_step_along_and_another_runs_it(
    live_stack: LiveStack, site: Api, make_workflow: Make, funded: Workspace
) -> None:
    run = site.started(make_workflow(graph([node("a", "test.work", sleep_ms=4000)])))
    child = wait_for(lambda: child_of(live_stack))
    pool = child.parent()
    assert pool is not None
    pool.kill()
    wait_for(lambda: ended(child) or None)
    assert site.end(run, timeout_s=90)["state"] == "completed"
    found = site.steps(run)["a"]
    assert found["attempt"] == 1
    assert Step.objects.for_workspace(funded.id).get(run_id=run).claims == 2


def test_cancel_ends_the_process_and_what_hangs_on_it(live_stack: LiveStack, site: Api, make_workflow: Make) -> None:
    document = graph([node("a", "test.work", sleep_ms=60_000), node("b")], ("a", "value", "b", "value"))
    run = site.started(make_workflow(document))
    child = wait_for(lambda: child_of(live_stack))
    began = time.monotonic()
    site.cancel(run)
    wait_for(lambda: ended(child) or None)
    assert time.monotonic() - began < 50, "long before its minute is over"
    assert site.end(run)["state"] == "cancelled"
    assert {name: step["state"] for name, step in site.steps(run).items()} == {"a": "cancelled", "b": "cancelled"}
    consistent(site, run)
    # The place is free again.
    assert site.end(site.started(make_workflow(graph([node("n", "test.work")]))))["state"] == "completed"
