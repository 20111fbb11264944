"""A workflow as a step of another: what of it is reused, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.billing.audit import ledger_audit
from apps.billing.models import Hold
from apps.billing.services import InsufficientCredits, balance_get
from apps.projects.models import Workflow
from apps.runs import services, subruns
from apps.runs.driver import advance
from apps.runs.models import Run, Step
from apps.workspaces.models import Workspace
from tests.runs.conftest import GRANTED
from tests.runs.graphs import graph, node
from tests.runs.nesting import (
    children,
    drive,
    ended,
    given,
    gives,
    paint,
    publish,
    shout,
    start,
    states,
    top,
)

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


# Reuse and rehearsal


def test_pure_workflow_is_reused_until_its_version_changes(make_workflow: Make, shouting: Workflow) -> None:
    workflow = make_workflow(top(shouting))
    first, again = start(workflow), start(workflow)
    drive(first.id)
    again = start(workflow)
    drive(again.id)
    assert states(again)["sub"] == "cached"
    assert children(again) == []
    assert publish(shouting, shout("{{ value }}?")) == 2
    publish_other = make_workflow(top(shouting, version=2))
    other = start(publish_other)
    drive(other.id)
    assert states(other)["sub"] == "completed"


def test_always_new_goes_all_the_way_down(make_workflow: Make, shouting: Workflow) -> None:
    workflow = make_workflow(top(shouting, {"$always_new": True}))
    for _ in range(2):
        run = start(workflow)
        drive(run.id)
    (child,) = children(run)
    assert set(states(child).values()) == {"completed"}


def test_what_writes_inside_is_not_reused(make_workflow: Make) -> None:
    nodes = [given(), node("wait", "flow.wait", seconds=0), gives()]
    waits = make_workflow(graph(nodes, ("in-text", "value", "wait", "value"), ("wait", "value", "out-text", "value")))
    publish(waits)
    workflow = make_workflow(top(waits))
    for _ in range(2):
        run = start(workflow)
        drive(run.id)
        for child in children(run):
            Step.objects.filter(run=child, node="wait").update(wake_at=timezone.now())
            drive(child.id)
    assert states(run)["sub"] == "completed"


def test_dry_run_rehearses_the_inside(funded: Workspace, make_workflow: Make, painter: Workflow) -> None:
    run = start(make_workflow(paint(painter)), dry_run=True)
    drive(run.id)
    (child,) = children(run)
    assert child.dry_run
    assert (ended(run).state, states(child)["img"]) == ("completed", "skipped")
    assert (states(run)["sub"], states(run)["after"]) == ("skipped", "skipped"), "it gave nothing"
    assert Hold.objects.for_workspace(funded.id).count() == 0
    real = start(make_workflow(paint(painter)))
    advance(real.id)
    assert states(real)["sub"] == "running", "a rehearsal is no result"


def test_dry_run_over_a_list_ends_well(funded: Workspace, make_workflow: Make, painter: Workflow) -> None:
    document = paint(painter)
    document["nodes"][0]["params"]["text"] = "sea\nsky"
    document["nodes"] += [node("split", "flow.split"), node("small", "image.resize", width=10, height=10)]
    document["edges"][0] |= {"target": "split", "target_port": "text"}
    ends = {"id": "e8", "source": "split", "source_port": "texts", "target": "sub", "target_port": "text"}
    fits = {"id": "e9", "source": "sub", "source_port": "image", "target": "small", "target_port": "image"}
    document["edges"] += [ends, fits]
    run = start(make_workflow(document), dry_run=True)
    drive(run.id)
    assert (ended(run).state, states(run)["small"]) == ("completed", "skipped")


# Money


def test_estimate_is_that_of_the_graph_inside(make_workflow: Make, painter: Workflow) -> None:
    inside = services.estimate(workflow=painter)
    outside = services.estimate(workflow=make_workflow(paint(painter)))
    assert (outside.low, outside.high) == (inside.low, inside.high)
    assert inside.high > 0
    step = next(step for step in outside.steps if step.node == "sub")
    assert (step.effect, step.high) == ("paid", inside.high)


def test_child_holds_out_of_what_its_parent_holds(funded: Workspace, make_workflow: Make, painter: Workflow) -> None:
    run = start(make_workflow(paint(painter)))
    assert balance_get(workspace_id=funded.id).held == run.price_high
    (due,) = advance(run.id)
    assert balance_get(workspace_id=funded.id).held == run.price_high
    held = {hold.id: hold.amount for hold in Hold.objects.for_workspace(funded.id)}
    assert held == {run.id: 0, due.run_id: run.price_high}
    services.run_cancel(run=run)
    drive(run.id)
    assert ended(run).state == "cancelled"
    assert balance_get(workspace_id=funded.id).held == 0
    assert balance_get(workspace_id=funded.id).posted == GRANTED
    assert ledger_audit() == []


def test_too_few_credits_for_the_child_fails_its_step(
    funded: Workspace, make_workflow: Make, painter: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_workflow(paint(painter)))
    Run.objects.filter(id=run.id).update(price_high=0)  # as if the whole had been thought to be reused
    Hold.objects.for_workspace(funded.id).filter(id=run.id).update(amount=0)

    def refuses(**values: Any) -> Any:
        raise InsufficientCredits(needed=values["amount"], available=0)

    monkeypatch.setattr(subruns, "credits_hold", refuses)
    drive(run.id)
    step = Step.objects.get(run=run, node="sub")
    assert step.error and step.error["code"] == "insufficient-credits"
    assert children(run) == []


def test_limit_of_the_parent_stops_before_the_child(funded: Workspace, make_workflow: Make, painter: Workflow) -> None:
    high = services.estimate(workflow=painter).high
    run = start(make_workflow(paint(painter)), max_credits=high - 1)
    drive(run.id)
    step = Step.objects.get(run=run, node="sub")
    assert step.error and step.error["code"] == "max-credits"
    assert children(run) == []
    enough = start(make_workflow(paint(painter)), max_credits=high)
    advance(enough.id)
    assert [child.max_credits for child in children(enough)] == [high]
    services.run_cancel(run=enough)
    drive(enough.id)
    assert ledger_audit() == []
