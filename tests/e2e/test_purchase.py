"""A purchase as a person meets it: from the pack to the checkout page and back, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connections
from playwright.sync_api import BrowserContext, Page, expect

from apps.accounts.models import User
from apps.billing.models import Purchase, PurchaseState
from apps.billing.services import balance_get
from apps.common.money import MICRO
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.live_stack import STRIPE, LiveStack
from tests.stripe_server.server import StripeServer

HEARD_MS = 60_000


@pytest.fixture
def stripe_page(live_stack: LiveStack) -> Iterator[StripeServer]:
    """The Stripe that the running site was told of; it calls the site's webhook by itself."""
    port = int(STRIPE["STRIPE_API_BASE"].rsplit(":", 1)[1])
    server = StripeServer(STRIPE["STRIPE_SECRET_KEY"], STRIPE["STRIPE_WEBHOOK_SECRET"], port)
    server.webhook, server.auto = f"{live_stack.base_url}/hooks/stripe/", True
    yield server
    server.stop()


@pytest.fixture
def browser(open_browser: OpenBrowser, alice: User) -> BrowserContext:
    return open_browser(alice)


def choose(page: Page, live_stack: LiveStack, pack: str) -> None:
    page.goto(f"{live_stack.base_url}/w/mill/billing/buy/")
    page.locator(f"button[value={pack}]").click()
    expect(page.get_by_text("stands in for Stripe Checkout")).to_be_visible()


def pay(page: Page, button: str = "Pay") -> None:
    page.get_by_role("button", name=button, exact=True).click()


def balance(workspace: Workspace) -> int:
    connections["default"].close()
    return balance_get(workspace_id=workspace.id).available // MICRO


def test_pay_turn_back_be_declined_and_pay_by_bank(
    live_stack: LiveStack, stripe_page: StripeServer, browser: BrowserContext, workspace: Workspace
) -> None:
    page = browser.new_page()
    choose(page, live_stack, "medium")
    page.get_by_role("link", name="Back to the site").click()
    expect(page.get_by_text("You left the checkout. Nothing was paid.")).to_be_visible()
    page.get_by_role("button", name="Continue to payment").click()
    pay(page, "Pay with a card that is declined")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    pay(page)
    expect(page.get_by_role("heading", name="5,250 credits were added")).to_be_visible(timeout=HEARD_MS)
    expect(page.locator("#balance")).to_contain_text("5,250", timeout=HEARD_MS)
    page.get_by_role("link", name="See the ledger").click()
    expect(page.get_by_role("cell", name=re.compile("5,250 credits for Millrace"))).to_be_visible()

    choose(page, live_stack, "small")
    pay(page, "Pay by bank debit (days later)")
    expect(page.get_by_role("heading", name="Your bank is still at it")).to_be_visible(timeout=HEARD_MS)
    late = Purchase.objects.for_workspace(workspace.id).get(state=PurchaseState.PROCESSING)
    stripe_page.session_settle(str(late.session_id), well=True)
    # Nobody reloads: the page notices by itself.
    expect(page.get_by_role("heading", name="1,000 credits were added")).to_be_visible(timeout=HEARD_MS)
    assert balance(workspace) == 6_250


def test_two_tabs_pay_one_purchase_once_and_two_purchases_twice(
    live_stack: LiveStack, stripe_page: StripeServer, browser: BrowserContext, workspace: Workspace
) -> None:
    first, second = browser.new_page(), browser.new_page()
    choose(first, live_stack, "small")
    second.goto(first.url)
    pay(first)
    expect(first.get_by_role("heading", name="1,000 credits were added")).to_be_visible(timeout=HEARD_MS)
    pay(second)
    expect(second.get_by_text("You have already paid")).to_be_visible()
    second.get_by_role("link", name="Return to the site").click()
    expect(second.get_by_role("heading", name="1,000 credits were added")).to_be_visible(timeout=HEARD_MS)
    choose(first, live_stack, "small")
    choose(second, live_stack, "small")
    pay(first)
    pay(second)
    for tab in (first, second):
        expect(tab.get_by_role("heading", name="1,000 credits were added")).to_be_visible(timeout=HEARD_MS)
    assert balance(workspace) == 3_000
