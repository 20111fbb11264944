"""Plans: each paid month grants its credits once and says the plan; what is not paid for ends with what is."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.billing.checkouts import PurchaseRefused
from apps.billing.models import Purchase, PurchaseKind, PurchaseState, Subscription
from apps.billing.purchases import purchase_look
from apps.billing.subscriptions import plan_change, plan_due, plan_start, plans_sweep, subscription_find
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PlanName
from tests.billing.shop import RETURN, Shop

pytestmark = pytest.mark.django_db


def start(shop: Shop, plan: PlanName = PlanName.STUDIO) -> Purchase:
    def back(purchase: UUID) -> str:
        return f"{RETURN}/{purchase}"

    return plan_start(
        workspace_id=shop.workspace.id, actor_id=shop.actor_id, plan=plan, email=shop.email, return_url=back
    )


def subscribed(shop: Shop, plan: PlanName = PlanName.STUDIO) -> Subscription:
    shop.pay(start(shop, plan))
    shop.hear()
    found = subscription_find(shop.workspace.id)
    assert found is not None
    return found


def plan_of(shop: Shop) -> str:
    return str(Workspace.objects.get(id=shop.workspace.id).plan)


def test_a_plan_brings_its_month_once(shop: Shop) -> None:
    made = subscribed(shop)
    assert (plan_of(shop), shop.balance, made.status) == ("studio", 3_000, "active")
    shop.hear(*reversed(shop.stripe.events))
    assert shop.balance == 3_000
    period = Purchase.objects.for_workspace(shop.workspace.id).get(kind=PurchaseKind.PERIOD)
    assert (period.paid, period.period_end) == (2_900, made.current_period_end)
    assert period.invoice_url


def test_the_way_back_is_enough(shop: Shop) -> None:
    made = start(shop)
    shop.pay(made)
    assert purchase_look(purchase=made).state == PurchaseState.PAID
    assert (plan_of(shop), shop.balance) == ("studio", 3_000)


def test_the_next_month_brings_the_next_credits(shop: Shop) -> None:
    made = subscribed(shop)
    shop.stripe.period_pass(made.subscription_id)
    shop.hear()
    assert Purchase.objects.for_workspace(shop.workspace.id).filter(kind=PurchaseKind.PERIOD).count() == 2
    assert shop.balance == 6_000


def test_a_renewal_that_nobody_told_is_found(shop: Shop) -> None:
    made = subscribed(shop)
    shop.stripe.period_pass(made.subscription_id)
    Subscription.objects.for_workspace(shop.workspace.id).update(current_period_end=timezone.now())
    plans_sweep()
    assert shop.balance == 6_000


def test_past_due_keeps_what_is_paid_for_and_no_longer(shop: Shop) -> None:
    made = subscribed(shop)
    shop.stripe.period_pass(made.subscription_id, fails=True)
    shop.hear()
    assert (plan_of(shop), shop.balance) == ("studio", 3_000)
    rows = Purchase.objects.for_workspace(shop.workspace.id).filter(kind=PurchaseKind.PERIOD)
    rows.update(period_end=timezone.now() - timedelta(minutes=1))
    plans_sweep()
    assert plan_of(shop) == "free"
    assert plan_due(shop.workspace.id, timezone.now()) == PlanName.FREE


def test_cancelled_ends_with_the_period(shop: Shop) -> None:
    made = subscribed(shop)
    shop.stripe.objects[made.subscription_id]["cancel_at_period_end"] = True
    shop.hear()
    shop.stripe.period_pass(made.subscription_id)
    Purchase.objects.for_workspace(shop.workspace.id).update(period_end=timezone.now())
    shop.hear(*shop.stripe.told("customer.subscription.deleted"))
    assert (plan_of(shop), subscription_find(shop.workspace.id)) == ("free", None)
    assert subscribed(shop, PlanName.TEAM).plan == "team"
    assert plan_of(shop) == "team"


def test_up_is_now_and_down_is_next_month(shop: Shop) -> None:
    made = subscribed(shop)
    plan_change(workspace_id=shop.workspace.id, plan=PlanName.TEAM)
    assert (plan_of(shop), shop.balance) == ("team", 14_000)
    plan_change(workspace_id=shop.workspace.id, plan=PlanName.STUDIO)
    shop.hear()
    assert (plan_of(shop), shop.balance) == ("team", 14_000)
    shop.stripe.period_pass(made.subscription_id)
    shop.hear()
    assert (plan_of(shop), shop.balance) == ("studio", 17_000)
    with pytest.raises(PurchaseRefused):
        plan_change(workspace_id=shop.workspace.id, plan=PlanName.FREE)


def test_one_subscription_at_a_time(shop: Shop) -> None:
    first = start(shop)
    second = start(shop, PlanName.TEAM)
    assert "expired" in shop.pay(first).text
    shop.pay(second)
    shop.hear()
    assert plan_of(shop) == "team"
    with pytest.raises(PurchaseRefused, match="Change it"):
        start(shop)


def test_a_plan_that_staff_gave_is_left_alone(shop: Shop) -> None:
    Workspace.objects.filter(id=shop.workspace.id).update(plan=PlanName.TEAM)
    shop.bought()
    plans_sweep()
    assert plan_of(shop) == "team"
