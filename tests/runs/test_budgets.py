"""Budgets and runs: refused before it starts, stopped before the call, and told by who started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.audit import ledger_audit
from apps.billing.budgets import BudgetExceeded, budget_create, budget_update
from apps.billing.models import Budget, Hold
from apps.billing.services import balance_get
from apps.generations.models import Generation
from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import Run, Step
from apps.workspaces.models import ApiToken, Workspace
from tests.runs.conftest import GRANTED
from tests.runs.graphs import image
from tests.runs.nesting import drive, ended, paint

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]
C = 1_000_000


def limited(workspace_id: UUID, limit: int, **fields: Any) -> Budget:
    values = {"scope": "workspace", "target_id": None, "period": "month", **fields}
    return budget_create(workspace_id=workspace_id, limit=limit, **values)


def test_a_run_that_could_pass_a_budget_is_not_started(funded: Workspace, make_workflow: Make, alice: User) -> None:
    workflow = make_workflow(image())
    limited(funded.id, 3 * C, scope="workflow", target_id=workflow.id)
    with pytest.raises(BudgetExceeded, match=r"Workflow Flow, this month.*only 3 credits left.*Alice"):
        services.run_start(workflow=workflow, actor_id=alice.id)
    assert not Run.objects.exists() and balance_get(workspace_id=funded.id).held == 0
    services.run_start(workflow=make_workflow(image()), actor_id=alice.id)


def test_a_step_that_would_pass_a_lowered_budget_is_not_sent(
    funded: Workspace, make_workflow: Make, alice: User
) -> None:
    budget = limited(funded.id, 50 * C, scope="member", target_id=alice.id)
    run = services.run_start(workflow=make_workflow(image()), actor_id=alice.id)
    budget_update(workspace_id=funded.id, budget_id=budget.id, limit=1 * C)
    drive(run.id)
    step = Step.objects.get(run=run, node="img")
    assert step.error and step.error["code"] == "budget-exceeded"
    assert "Member Alice, this month" in step.error["message"]
    assert ended(run).state == "failed" and not Generation.objects.exists()
    assert balance_get(workspace_id=funded.id).posted == GRANTED and ledger_audit() == []


def test_what_runs_inside_counts_for_whoever_started_the_outermost(
    funded: Workspace, make_workflow: Make, painter: Workflow, alice: User
) -> None:
    token_id = uuid4()
    workflow = make_workflow(paint(painter))
    outer = services.run_start(workflow=workflow, actor_id=alice.id, token_id=token_id)
    (due,) = advance(outer.id)
    inner = Run.objects.get(id=due.run_id)
    advance(inner.id)
    assert inner.token_id == token_id
    generation = Hold.objects.for_workspace(funded.id).get(generation_id__isnull=False)
    asked = (generation.run_id, generation.workflow_id, generation.actor_id, generation.token_id, generation.model)
    assert asked == (outer.id, workflow.id, alice.id, token_id, "sandbox/image")


def test_a_call_within_a_run_that_holds_nothing_counts_for_the_outermost_too(
    funded: Workspace, make_workflow: Make, painter: Workflow, alice: User
) -> None:
    workflow = make_workflow(paint(painter))
    outer = services.run_start(workflow=workflow, actor_id=alice.id)
    Run.objects.filter(id=outer.id).update(price_high=0)  # as if the whole had been thought to be reused
    (due,) = advance(outer.id)
    Run.objects.filter(id=due.run_id).update(price_high=0)
    advance(due.run_id)
    holds = Hold.objects.for_workspace(funded.id).filter(parent=None).exclude(id=outer.id)
    assert {(hold.run_id, hold.workflow_id, hold.actor_id) for hold in holds} == {(outer.id, workflow.id, alice.id)}
    assert [hold.model for hold in holds if hold.generation_id] == ["sandbox/image"]


def test_a_run_over_the_api_counts_for_its_token(alice_api: Client, funded: Workspace, make_workflow: Make) -> None:
    workflow, token = make_workflow(image()), ApiToken.objects.get()
    limited(funded.id, 5 * C, scope="token", target_id=token.id)
    path = f"/api/v1/workflows/{workflow.id}/runs"
    assert alice_api.post(path, {}, content_type="application/json").status_code == 202
    refused = alice_api.post(path, {}, content_type="application/json")
    assert (refused.status_code, refused.json()["type"]) == (402, "/problems/budget-exceeded")
    assert Hold.objects.for_workspace(funded.id).get().token_id == token.id
