"""Runs that sleep while every worker is killed and started anew, and steps that wake when they are cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from apps.projects.models import Workflow
from apps.runs.models import Step
from apps.workspaces.models import Workspace
from tests.live_stack import LiveStack
from tests.runs.graphs import graph, node, waits
from tests.runs.live import Api, consistent, wait_for

Make = Callable[[dict[str, Any]], Workflow]
WORKERS = ("control", "io", "work", "beat")
LONG_S = 8.0


def asks() -> dict[str, Any]:
    nodes = [node("t", "input.text", text="sea"), node("ask", "flow.approval", message="Print it?"), node("after")]
    return graph(nodes, ("t", "text", "ask", "value"), ("ask", "approved", "after", "value"))


def workers_restart(stack: LiveStack) -> None:
    before = {part: stack.await_part(part) for part in WORKERS}
    for part in WORKERS:
        stack.kill(part)
    for part in WORKERS:
        assert stack.await_part(part, not_pid=before[part]) != before[part]


def test_sleeping_runs_go_on_after_every_worker_was_killed(
    live_stack: LiveStack, site: Api, make_workflow: Make, workspace: Workspace
) -> None:
    # One comes due while nobody is there, one long after, one when somebody answers.
    short, long, asking = (site.started(make_workflow(one)) for one in (waits(1.5), waits(LONG_S), asks()))
    wait_for(lambda: all(site.run(run)["state"] == "waiting" for run in (long, asking)) or None)
    due = Step.objects.for_workspace(workspace.id).get(run_id=long, node="wait").wake_at
    workers_restart(live_stack)
    assert site.steps(asking)["ask"]["state"] == "waiting"
    answer = site.http.post(f"/runs/{asking}/steps/ask/0/answer", json={"decision": "approve", "comment": "yes"})
    assert answer.status_code == 200, answer.text
    for run in (short, asking, long):
        assert site.end(run, timeout_s=30)["state"] == "completed"
        consistent(site, run)
        assert {step["attempt"] for step in site.steps(run).values()} == {1}
    outputs = site.steps(asking)["ask"]["outputs"]
    assert (outputs["approved"], outputs["decision"]["comment"]) == ("sea", "yes")
    assert site.steps(asking)["after"]["state"] == "completed"
    assert due and datetime.fromisoformat(site.run(long)["finished_at"]) >= due


def test_step_that_sleeps_in_place_hears_of_the_cancel(site: Api, make_workflow: Make) -> None:
    document = waits(1)
    document["nodes"] += [node("sleeper", sleep_ms=10_000), node("after")]
    document["edges"] += graph([], ("wait", "value", "sleeper", "value"), ("sleeper", "value", "after", "value"))[
        "edges"
    ]
    for number, edge in enumerate(document["edges"]):
        edge["id"] = f"edge{number}"
    run = site.started(make_workflow(document))
    time.sleep(2.5)  # that it sleeps is written when it has ended
    began = time.monotonic()
    site.cancel(run)
    assert site.end(run)["state"] == "cancelled"
    assert time.monotonic() - began < 7, "before its sleep was over"
    consistent(site, run)
    steps = site.steps(run)
    assert (steps["sleeper"]["state"], steps["after"]["state"]) == ("cancelled", "cancelled")
