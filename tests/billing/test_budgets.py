"""Budgets: what they refuse, for whom, in which period, and that nothing ever passes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from apps.accounts.models import User
from apps.billing.alerts import alert_refused, alert_send, alerts_lost
from apps.billing.audit import ledger_audit
from apps.billing.budgets import (
    BudgetExceeded,
    BudgetExists,
    BudgetInvalid,
    BudgetMissing,
    budget_create,
    budget_remove,
    budget_restore,
    budget_update,
)
from apps.billing.models import AMOUNT_MAX, Budget, BudgetAlert, Hold, Spending
from apps.billing.services import credits_grant, credits_hold, hold_capture, hold_close, hold_release, hold_split
from apps.billing.standing import Standing, standings
from apps.common.ids import uuid7
from apps.projects.services import project_create
from apps.workspaces.models import Workspace
from tests.billing.conftest import in_parallel
from tests.mails import mails_post

C = 1_000_000
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)


@pytest.fixture
def funded(workspace: Workspace) -> UUID:
    credits_grant(workspace_id=workspace.id, amount=1000 * C, reason="x", source="test", source_id=str(uuid7()))
    return workspace.id


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the clock that holds and captures are booked by."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("apps.billing.services.timezone.now", lambda: moment)

    return set_clock


def limited(workspace_id: UUID, limit: int, **fields: Any) -> Budget:
    values = {"scope": "workspace", "target_id": None, "period": "month", **fields}
    return budget_create(workspace_id=workspace_id, limit=limit, **values)


def held(workspace_id: UUID, amount: int, **ids: Any) -> UUID:
    return credits_hold(workspace_id=workspace_id, hold_id=uuid7(), amount=amount, description="Image", **ids).id


def run_held(workspace_id: UUID, amount: int, **ids: Any) -> UUID:
    run_id = uuid7()
    held_by_run = {"hold_id": run_id, "run_id": run_id, "description": "Run", **ids}
    return credits_hold(workspace_id=workspace_id, amount=amount, **held_by_run).id


def part(whole: UUID, amount: int) -> UUID:
    return hold_split(parent_id=whole, hold_id=uuid7(), amount=amount, description="Image").id


def spent(workspace_id: UUID, amount: int, **ids: Any) -> None:
    hold_capture(hold_id=held(workspace_id, amount, **ids), amount=amount, description="Image")


def stands(workspace_id: UUID, moment: datetime | None = None) -> Standing:
    (standing,) = standings(workspace_id, moment or datetime.now(UTC))
    return standing


pytestmark = pytest.mark.django_db


def test_a_hold_that_would_pass_a_budget_is_refused(funded: UUID, alice: User) -> None:
    budget = limited(funded, 10 * C)
    spent(funded, 4 * C)
    kept = held(funded, 3 * C)
    with pytest.raises(BudgetExceeded) as caught:
        held(funded, 4 * C)
    assert str(caught.value) == (
        "This needs 4 credits, but the budget “Whole workspace, this month” has only 3 credits left. "
        "It can be raised under Billing, Budgets, by: Alice."
    )
    problem = caught.value.problem()
    assert (problem.slug, problem.status) == ("budget-exceeded", 402)
    assert problem.extra == {"budget": str(budget.id), "needed": 4 * C, "left": 3 * C}
    standing = stands(funded)
    assert (standing.used, standing.held, standing.left) == (4 * C, 3 * C, 3 * C)
    hold_release(hold_id=kept)
    held(funded, 6 * C)
    assert Hold.objects.for_workspace(funded).count() == 3 and ledger_audit() == []


@pytest.mark.parametrize("scope", ["project", "member", "workflow", "token"])
def test_a_budget_counts_only_what_is_its_own(funded: UUID, scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = uuid7(), uuid7()
    monkeypatch.setattr("apps.billing.budgets.subject_choices", lambda workspace_id, kind: {mine: "Mine"})
    limited(funded, 10 * C, scope=scope, target_id=mine)
    name = "actor_id" if scope == "member" else f"{scope}_id"
    spent(funded, 50 * C, **{name: other})
    spent(funded, 50 * C)
    spent(funded, 9 * C, **{name: mine})
    with pytest.raises(BudgetExceeded):
        held(funded, 2 * C, **{name: mine})
    held(funded, 1 * C, **{name: mine})


def test_each_run_has_a_budget_of_its_own(funded: UUID) -> None:
    limited(funded, 10 * C, scope="run", period="total")
    first, second = run_held(funded, 6 * C), run_held(funded, 6 * C)
    with pytest.raises(BudgetExceeded):
        part(first, 11 * C)
    part(second, 10 * C)
    held(funded, 500 * C)


def test_own_keys_and_free_steps_cost_a_budget_nothing(funded: UUID) -> None:
    limited(funded, 1)
    spent(funded, 1)
    hold_capture(hold_id=held(funded, 0), amount=0, description="With a key of their own")
    assert stands(funded).used == 1


def test_what_a_run_holds_covers_its_steps(funded: UUID) -> None:
    limited(funded, 10 * C)
    whole = run_held(funded, 10 * C)
    first = part(whole, 7 * C)
    assert stands(funded).held == 10 * C and stands(funded).in_flight == 7 * C
    with pytest.raises(BudgetExceeded):
        part(whole, 4 * C)  # one more than the run holds, and the budget has nothing left
    hold_capture(hold_id=first, amount=5 * C, description="x")
    part(whole, 5 * C)


def test_a_lowered_budget_stops_the_next_step_of_a_run(funded: UUID) -> None:
    budget = limited(funded, 100 * C)
    whole = run_held(funded, 100 * C)
    hold_capture(hold_id=part(whole, 30 * C), amount=30 * C, description="x")
    budget_update(workspace_id=funded, budget_id=budget.id, limit=20 * C)
    assert stands(funded).left == 0 and stands(funded).percent == 150
    with pytest.raises(BudgetExceeded) as caught:
        part(whole, 1 * C)
    assert caught.value.left == 0
    budget_update(workspace_id=funded, budget_id=budget.id, limit=31 * C)
    part(whole, 1 * C)
    hold_close(hold_id=whole)
    assert ledger_audit() == []


def test_a_repeat_answers_the_first_hold_though_the_budget_is_used_up(funded: UUID) -> None:
    limited(funded, 10 * C)
    hold_id = uuid7()
    for _again in range(2):
        made = credits_hold(workspace_id=funded, hold_id=hold_id, amount=10 * C, description="x")
        assert made.id == hold_id
    assert Hold.objects.for_workspace(funded).count() == 1


def test_a_month_begins_anew_at_midnight_utc(funded: UUID, at: Any) -> None:
    limited(funded, 10 * C)
    at(NOVEMBER)
    spent(funded, 10 * C)
    with pytest.raises(BudgetExceeded):
        held(funded, 1)
    at(DECEMBER)
    held(funded, 10 * C)
    assert stands(funded, DECEMBER).used == 0


def test_a_run_over_the_end_of_a_month_counts_where_it_is_charged(funded: UUID, at: Any) -> None:
    limited(funded, 10 * C)
    at(NOVEMBER)
    whole = run_held(funded, 10 * C)
    hold_capture(hold_id=part(whole, 4 * C), amount=4 * C, description="x")
    late = part(whole, 6 * C)
    assert stands(funded, NOVEMBER).used == 4 * C
    at(DECEMBER)
    # What it still holds may be charged now, so it counts now.
    with pytest.raises(BudgetExceeded):
        held(funded, 5 * C)
    hold_capture(hold_id=late, amount=6 * C, description="x")
    assert (stands(funded, DECEMBER).used, stands(funded, DECEMBER).left) == (6 * C, 4 * C)


def test_a_budget_counts_what_was_spent_before_it_was_made(funded: UUID) -> None:
    spent(funded, 4 * C)
    kept = held(funded, 3 * C)
    limited(funded, 10 * C)
    hold_capture(hold_id=kept, amount=3 * C, description="x")
    assert (stands(funded).used, stands(funded).left) == (7 * C, 3 * C)


def test_a_paused_or_removed_budget_holds_nobody_back(funded: UUID) -> None:
    budget = limited(funded, C)
    budget_update(workspace_id=funded, budget_id=budget.id, active=False)
    spent(funded, 2 * C)
    budget_update(workspace_id=funded, budget_id=budget.id, active=True)
    with pytest.raises(BudgetExceeded):
        held(funded, 1)
    budget_remove(workspace_id=funded, budget_id=budget.id)
    held(funded, 1)
    budget_restore(workspace_id=funded, budget_id=budget.id)
    with pytest.raises(BudgetExceeded):
        held(funded, 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -C}, "limit"),
        ({"limit": AMOUNT_MAX + 1}, "limit"),
        ({"scope": "planet"}, "scope"),
        ({"period": "year"}, "period"),
        ({"scope": "project"}, "target"),
        ({"scope": "workspace", "target_id": uuid7()}, "target"),
        ({"scope": "run"}, "period"),
        ({"alerts": [0]}, "alerts"),
        ({"alerts": [101]}, "alerts"),
    ],
)
def test_what_cannot_be_a_budget(funded: UUID, fields: dict[str, Any], field: str) -> None:
    values = {"scope": "workspace", "target_id": None, "period": "month", "limit": C, **fields}
    with pytest.raises(BudgetInvalid) as caught:
        budget_create(workspace_id=funded, **values)
    assert caught.value.field == field
    assert not Budget.objects.for_workspace(funded).exists()


def test_another_workspaces_project_is_not_there(funded: UUID, foreign_workspace: Workspace) -> None:
    project = project_create(workspace_id=foreign_workspace.id, name="Theirs", actor_id=None)
    with pytest.raises(BudgetInvalid):
        limited(funded, C, scope="project", target_id=project.id)
    theirs = budget_create(
        workspace_id=foreign_workspace.id, scope="project", target_id=project.id, period="month", limit=C
    )
    with pytest.raises(BudgetMissing):
        budget_update(workspace_id=funded, budget_id=theirs.id, limit=2 * C)


def test_one_budget_per_thing_and_period(funded: UUID) -> None:
    budget = limited(funded, C)
    with pytest.raises(BudgetExists) as caught:
        limited(funded, 2 * C)
    assert caught.value.budget_id == budget.id
    limited(funded, C, period="day")
    budget_remove(workspace_id=funded, budget_id=budget.id)
    limited(funded, 2 * C)
    with pytest.raises(BudgetExists):
        budget_restore(workspace_id=funded, budget_id=budget.id)


def test_a_percentage_is_told_once(funded: UUID, alice: User, bob: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    limited(funded, 10 * C)
    for _once in range(9):
        spent(funded, C)
    alerts = BudgetAlert.objects.for_workspace(funded).order_by("percent")
    assert [(alert.percent, alert.used) for alert in alerts] == [(50, 5 * C), (80, 8 * C)]
    for alert in [*alerts, *alerts]:
        alert_send(alert.id)
    mails_post()
    assert [message.subject for message in mail.outbox] == [
        "Whole workspace, this month: 50 % of the budget in Mill is used",
        "Whole workspace, this month: 80 % of the budget in Mill is used",
    ]
    assert mail.outbox[0].to == ["alice@example.org"]
    assert "5 credits of 10 credits are used" in mail.outbox[0].body
    assert alerts_lost() == []


def test_the_first_refusal_is_told_once(funded: UUID, settings: Any) -> None:
    budget = limited(funded, 10 * C)
    place = (funded, budget.id, stands(funded).period_start, "", 0)
    assert alert_refused(*place) is not None and alert_refused(*place) is None


def test_spending_is_told_by_each_and_adds_up(funded: UUID) -> None:
    ids = {"actor_id": uuid7(), "project_id": uuid7(), "workflow_id": uuid7(), "token_id": uuid7()}
    hold = held(funded, 4 * C, model="sandbox/image", **ids)
    hold_capture(hold_id=hold, amount=3 * C, description="x", model="sandbox/other")
    spent(funded, C)
    rows = Spending.objects.for_workspace(funded).values_list("kind", "subject", "amount")
    told = {(kind, subject): amount for kind, subject, amount in rows}
    for kind, name in [("member", "actor_id"), ("project",) * 2, ("workflow",) * 2, ("token",) * 2]:
        key = str(ids.get(name) or ids[f"{name}_id"])
        assert told[(kind, key)] == 3 * C and told[(kind, "")] == C
    assert told[("model", "sandbox/other")] == 3 * C and told[("workspace", "")] == 4 * C
    assert ledger_audit() == []
    Spending.objects.for_workspace(funded).filter(kind="project", subject="").delete()
    assert [drift.check for drift in ledger_audit()] == ["spending by project"]


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_never_pass_a_budget(workspace: Workspace) -> None:
    workspace_id = workspace.id
    credits_grant(workspace_id=workspace_id, amount=1000 * C, reason="x", source="test", source_id=str(uuid7()))
    limited(workspace_id, 100 * C)

    def run() -> int:
        whole = run_held(workspace_id, 7 * C)
        hold_capture(hold_id=part(whole, 9 * C), amount=5 * C, description="Image")
        hold_close(hold_id=whole)
        assert stands(workspace_id).used + stands(workspace_id).held <= 100 * C
        return 5 * C

    results = in_parallel([run] * 50, threads=50)
    refused = [result for result in results if isinstance(result, BudgetExceeded)]
    ended = [result for result in results if isinstance(result, int)]
    assert len(refused) + len(ended) == 50 and 1 <= len(ended) <= 20
    assert stands(workspace_id).used == 5 * C * len(ended)
    assert ledger_audit() == []
