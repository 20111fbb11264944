"""A workspace that is being deleted pays no further month, and one that is restored goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.endings import plan_follow, plans_follow
from apps.billing.models import Purchase, Subscription
from apps.billing.subscriptions import subscription_find
from apps.billing.topups import topups_due
from apps.workspaces.models import Membership
from apps.workspaces.ownership import workspace_close, workspace_restore
from tests.billing.shop import Shop
from tests.billing.test_subscriptions import subscribed

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(shop: Shop, alice: User) -> Membership:
    return Membership.objects.select_related("user").get(workspace=shop.workspace, user=alice)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The workspaces whose plan is to be looked at."""
    found: list[str] = []
    monkeypatch.setattr("apps.billing.receivers.plan_end.delay", lambda workspace_id: found.append(workspace_id))
    return found


def is_ending(shop: Shop, made: Subscription) -> bool:
    row = subscription_find(shop.workspace.id)
    at_stripe = bool(shop.stripe.objects[made.subscription_id]["cancel_at_period_end"])
    assert row is not None
    assert row.cancel_at_period_end is at_stripe
    return at_stripe


def test_the_plan_ends_with_its_month_and_goes_on_when_restored(
    shop: Shop, owner: Membership, sent: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    made = subscribed(shop)
    with django_capture_on_commit_callbacks(execute=True):
        workspace_close(actor=owner, typed=shop.workspace.name)
    assert sent == [str(shop.workspace.id)]
    for _again in range(2):
        plan_follow(shop.workspace.id)
    assert is_ending(shop, made)
    with django_capture_on_commit_callbacks(execute=True):
        workspace_restore(actor=owner)
    assert sent == [str(shop.workspace.id)] * 2
    for _again in range(2):
        plan_follow(shop.workspace.id)
    assert not is_ending(shop, made)


def test_a_plan_that_somebody_cancelled_stays_cancelled(shop: Shop, owner: Membership) -> None:
    made = subscribed(shop)
    shop.stripe.objects[made.subscription_id]["cancel_at_period_end"] = True
    workspace_close(actor=owner, typed=shop.workspace.name)
    plan_follow(shop.workspace.id)
    workspace_restore(actor=owner)
    plan_follow(shop.workspace.id)
    assert is_ending(shop, made)


def test_a_lost_message_or_answer_is_made_up_for(shop: Shop, owner: Membership) -> None:
    made = subscribed(shop)
    plans_follow()
    assert not is_ending(shop, made)
    workspace_close(actor=owner, typed=shop.workspace.name)
    shop.stripe.script = "500"
    plan_follow(shop.workspace.id)
    shop.stripe.script = ""
    assert not is_ending(shop, made)
    plans_follow()
    assert is_ending(shop, made)


def test_no_card_is_charged_for_what_is_being_deleted(shop: Shop, owner: Membership) -> None:
    shop.keep_card()
    shop.rule()
    assert topups_due() == [shop.workspace.id]
    workspace_close(actor=owner, typed=shop.workspace.name)
    assert topups_due() == []


def test_nothing_is_bought_for_what_is_being_deleted(shop: Shop, owner: Membership, alice_client: Client) -> None:
    workspace_close(actor=owner, typed=shop.workspace.name)
    place = f"/w/{shop.workspace.slug}/billing"
    for path, form in (("buy", {"key": "k", "pack": "small"}), ("plan", {"plan": "studio"})):
        assert alice_client.post(f"{place}/{path}/", form).status_code == 403
    assert not Purchase.objects.for_workspace(shop.workspace.id).exists()
    assert "disabled>Buy for 10.00 USD" in alice_client.get(f"{place}/buy/").content.decode()
