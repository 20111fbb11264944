"""What members, staff and Stripe do with money: each act leaves exactly one entry, by whoever did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.billing import budgets
from apps.billing.customers import card_look, portal_open
from apps.billing.inbox import inbox_replay
from apps.billing.models import Budget, InboxEvent
from apps.billing.services import credits_correct, credits_grant
from apps.billing.stripe_client import stripe_call
from apps.billing.subscriptions import plan_change
from apps.common.origin import Origin, origin
from apps.common.tenancy import scope
from apps.workspaces.models import AuditEntry
from apps.workspaces.plans import PlanName
from tests.billing.shop import RETURN, Shop
from tests.billing.test_subscriptions import start, subscribed

pytestmark = pytest.mark.django_db
C = 1_000_000
Act = Callable[[Shop], Any]


def budget(shop: Shop) -> Budget:
    return budgets.budget_create(
        workspace_id=shop.workspace.id,
        scope="workspace",
        target_id=None,
        period="month",
        limit=C,
        actor_id=shop.actor_id,
    )


def budget_changed(shop: Shop) -> None:
    made = budget(shop)
    for _again in range(2):
        budgets.budget_update(workspace_id=shop.workspace.id, budget_id=made.id, limit=2 * C)


def budget_removed(shop: Shop) -> Budget:
    return budgets.budget_remove(workspace_id=shop.workspace.id, budget_id=budget(shop).id)


def budget_restored(shop: Shop) -> None:
    made = budget_removed(shop)
    for _again in range(2):
        budgets.budget_restore(workspace_id=shop.workspace.id, budget_id=made.id)


def bought_twice(shop: Shop) -> None:
    for _again in range(2):
        shop.order(key="once")


def plan_changed(shop: Shop) -> None:
    subscribed(shop)
    plan_change(workspace_id=shop.workspace.id, plan=PlanName.TEAM)
    shop.hear()


def topup_twice(shop: Shop) -> None:
    shop.keep_card()
    shop.rule()
    shop.rule()


def card_kept(shop: Shop) -> None:
    """Stripe's event, the same again, and the way back."""
    shop.keep_card()
    session = shop.stripe.told("checkout.session.completed")[-1]["data"]["object"]["id"]
    assert card_look(workspace_id=shop.workspace.id, session_id=session)


def refunded(shop: Shop) -> None:
    made = shop.bought()
    stripe_call("refunds.create", payment_intent=made.payment_intent_id, amount=400)
    shop.hear()
    shop.hear(*shop.stripe.told("charge.refunded"))


def refund_failed(shop: Shop) -> None:
    refunded(shop)
    shop.stripe.refund_fail(shop.stripe.every("refund")[0]["id"])
    shop.hear()


def disputed(shop: Shop) -> str:
    dispute = shop.stripe.dispute_open(shop.charge_of(shop.bought()))
    shop.hear()
    return str(dispute["id"])


def dispute_lost(shop: Shop) -> None:
    shop.stripe.dispute_close(disputed(shop), won=False)
    shop.hear()


def replayed(shop: Shop) -> None:
    shop.bought()
    assert inbox_replay(inbox_id=InboxEvent.objects.get(type="checkout.session.completed").id)


def by_hand(door: Callable[..., Any], **also: Any) -> Act:
    def twice(shop: Shop) -> None:
        for _again in range(2):
            door(
                workspace_id=shop.workspace.id, amount=5 * C, reason="Put right", source_id="7",
                actor_id=shop.actor_id, **also,
            )  # fmt: skip

    return twice


def portal(shop: Shop) -> None:
    portal_open(workspace_id=shop.workspace.id, email=shop.email, return_url=RETURN)


ALICE, SYSTEM = "alice@example.org", None
ACTS: dict[str, tuple[Act, str | None]] = {
    "budget_create": (budget, ALICE),
    "budget_update": (budget_changed, ALICE),
    "budget_remove": (budget_removed, ALICE),
    "budget_restore": (budget_restored, ALICE),
    "purchase_start": (bought_twice, ALICE),
    "plan_start": (start, ALICE),
    "plan_change": (plan_changed, ALICE),
    "topup_set": (topup_twice, ALICE),
    "portal_open": (portal, ALICE),
    "card_keep": (card_kept, ALICE),
    "purchase_claw_back": (refunded, SYSTEM),
    "purchase_give_back": (refund_failed, SYSTEM),
    "dispute_open": (disputed, SYSTEM),
    "dispute_close": (dispute_lost, SYSTEM),
    "inbox_replay": (replayed, ALICE),
    "credits_correct": (by_hand(credits_correct), ALICE),
    "credits_grant": (by_hand(credits_grant, source="console"), ALICE),
}


@pytest.mark.parametrize("action", ACTS)
def test_each_act_leaves_one_entry(action: str, shop: Shop, alice: User) -> None:
    act, who = ACTS[action]
    with scope(shop.workspace.id), origin(Origin(person=alice, address="192.0.2.7")):
        act(shop)
        found = list(AuditEntry.objects.filter(action=action))
    assert [entry.actor.get("email") for entry in found] == [who]
    assert found[0].actor_kind == ("system" if who is None else "person")


def test_a_lost_dispute_is_no_refund(shop: Shop) -> None:
    dispute_lost(shop)
    with scope(shop.workspace.id):
        told = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert told == ["purchase_start", "dispute_open", "dispute_close"]


def test_what_was_given_without_a_person_is_not_by_hand(shop: Shop) -> None:
    credits_grant(workspace_id=shop.workspace.id, amount=C, reason="Welcome", source="demo", source_id=str(uuid4()))
    assert not AuditEntry.objects.for_workspace(shop.workspace.id).exists()
