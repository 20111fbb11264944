"""A shop to test in: our side configured for a Stripe, and what tests do at it over and over."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
from django.test import Client

from apps.billing.inbox import inbox_work
from apps.billing.models import InboxEvent, InboxState, Purchase
from apps.billing.purchases import Order, purchase_checkout, purchase_start
from apps.billing.topups import TopupTerms, topup_set
from apps.billing.wallet import balance_get
from apps.common.money import MICRO
from apps.workspaces.models import Workspace
from tests.stripe_server.server import StripeServer
from tests.stripe_server.state import Thing, signature

RETURN = "http://testserver/back"


@dataclass
class Shop:
    """Alice's workspace buys at ``stripe``."""

    stripe: StripeServer
    workspace: Workspace
    actor_id: Any
    email: str = "alice@example.org"

    # --- Buying ----------------------------------------------------------------------------------------------------

    def order(self, pack: str = "small", amount: int = 0, key: str = "") -> Purchase:
        """A purchase with its page at Stripe."""
        order = Order(pack="" if amount else pack, amount=amount)
        made = purchase_start(workspace_id=self.workspace.id, actor_id=self.actor_id, order=order, request_key=key)
        return purchase_checkout(purchase=made, email=self.email, return_url=RETURN)

    def pay(self, purchase: Purchase, how: str = "now", code: str = "") -> httpx.Response:
        """Press a button of the checkout page."""
        return httpx.post(purchase.checkout_url, data={"how": how, "code": code}, timeout=30)

    def bought(self, pack: str = "small") -> Purchase:
        """A purchase that is paid, and of which we have heard."""
        made = self.order(pack)
        self.pay(made)
        self.hear()
        return self.again(made)

    def again(self, purchase: Purchase) -> Purchase:
        """The purchase as it is now."""
        found: Purchase = Purchase.objects.for_workspace(self.workspace.id).get(id=purchase.id)
        return found

    def charge_of(self, purchase: Purchase) -> str:
        """The charge that paid it."""
        return str(self.stripe.objects[self.again(purchase).payment_intent_id or ""]["latest_charge"])

    @property
    def balance(self) -> int:
        """What can be spent, in whole credits."""
        return balance_get(workspace_id=self.workspace.id).available // MICRO

    # --- Hearing ---------------------------------------------------------------------------------------------------

    def tell(self, *events: Thing, at: int | None = None, secret: str = "") -> list[int]:
        """Send events to our webhook; answers the statuses."""
        return [self.post(json.dumps(event).encode(), at=at, secret=secret) for event in events]

    def post(self, body: bytes, *, at: int | None = None, secret: str = "", header: str = "") -> int:
        """One signed call of the webhook."""
        signed = header or signature(secret or self.stripe.secret, body, at=at)
        answer = Client().post("/hooks/stripe/", body, "application/json", headers={"Stripe-Signature": signed})
        return answer.status_code

    def hear(self, *events: Thing) -> None:
        """Send these events (all without), and work on what is waiting, as the worker would."""
        assert set(self.tell(*(events or self.stripe.events))) <= {200}
        self.work()

    def work(self) -> None:
        """Work on every event that waits."""
        for row in InboxEvent.objects.filter(state=InboxState.WAITING).order_by("received_at"):
            assert inbox_work(row.id), InboxEvent.objects.get(id=row.id).error

    # --- Cards and rules -------------------------------------------------------------------------------------------

    def keep_card(self, token: str = "pm_card_visa") -> None:
        """Leave a card at Stripe, and hear of it."""
        from apps.billing.customers import card_ask

        url = card_ask(
            workspace_id=self.workspace.id, email=self.email, currency="usd", success_url=RETURN, cancel_url=RETURN
        )
        self.stripe.session_complete(url.rsplit("/", 1)[1], card=token)
        self.hear(*self.stripe.told("checkout.session.completed")[-1:])

    def rule(self, *, threshold: int = 500, credits: int = 1000, cap: int = 10_000) -> None:  # noqa: A002
        """Automatic top-up is on."""
        terms = TopupTerms(threshold=threshold * MICRO, credits=credits * MICRO, monthly_cap=cap)
        topup_set(workspace_id=self.workspace.id, enabled=True, terms=terms)


def now() -> int:
    """This second."""
    return int(time.time())
