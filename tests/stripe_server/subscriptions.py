"""Prices, subscriptions, promotion codes, and the customer's portal."""

from __future__ import annotations

import html
import time
from typing import Any
from urllib.parse import parse_qs

from tests.stripe_server.invoices import Invoices
from tests.stripe_server.state import Refusal, Thing
from tests.vendors.server import Answer, Request, route

MONTH_S = 30 * 86_400


class Subscriptions(Invoices):
    """What comes back every month."""

    # --- Prices ----------------------------------------------------------------------------------------------------

    def get_prices(self, given: Thing) -> Thing:
        found = self.page("price", given, "/v1/prices")
        keys = given.get("lookup_keys")
        found["data"] = [one for one in found["data"] if keys is None or one["lookup_key"] in keys]
        return found

    def get_prices_price(self, given: Thing, which: str) -> Thing:
        return self.get("price", which)

    def post_prices(self, given: Thing) -> Thing:
        key = given.get("lookup_key")
        if key and any(one["lookup_key"] == key for one in self.every("price")):
            problem = f"A price (`price_…`) already uses that lookup key: {key}"
            raise Refusal(400, "invalid_request_error", problem)
        product = self.make(
            "product", "prod", name=given["product_data"]["name"], active=True, updated=int(time.time())
        )
        recurring = {
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "usage_type": "licensed",
            "trial_period_days": None,
        }
        return self.make(
            "price", "price", currency=given["currency"], unit_amount=given["unit_amount"], active=True,
            type="recurring", lookup_key=key, metadata=given.get("metadata", {}), product=product["id"],
            billing_scheme="per_unit", recurring=recurring,
            unit_amount_decimal=str(given["unit_amount"]), tax_behavior="unspecified",
        )  # fmt: skip

    # --- Promotion codes -------------------------------------------------------------------------------------------

    def post_coupons(self, given: Thing) -> Thing:
        return self.make(
            "coupon", "co", percent_off=given["percent_off"], duration=given.get("duration", "once"), valid=True
        )

    def post_promotion_codes(self, given: Thing) -> Thing:
        coupon = self.get("coupon", given["promotion"]["coupon"])
        rules = {"first_time_transaction": False, "minimum_amount": None, "minimum_amount_currency": None}
        return self.make(
            "promotion_code", "promo", code=given["code"], active=True, restrictions=rules,
            promotion={"type": "coupon", "coupon": coupon["id"]}, times_redeemed=0,
        )  # fmt: skip

    # --- Subscriptions ---------------------------------------------------------------------------------------------

    def subscription_make(self, customer: str, price: Thing, method: Thing, metadata: Thing) -> Thing:
        """A subscription from now on, its first month paid."""
        now = int(time.time())
        made = self.make(
            "subscription", "sub", customer=customer, currency=price["currency"], status="active", start_date=now,
            billing_cycle_anchor=now, cancel_at_period_end=False, collection_method="charge_automatically",
            metadata=dict(metadata), default_payment_method=method["id"],
        )  # fmt: skip
        item = self.make(
            "subscription_item", "si", price=price, quantity=1, subscription=made["id"], metadata={},
            current_period_start=now, current_period_end=now + MONTH_S, tax_rates=[],
        )  # fmt: skip
        made["items"] = {
            "object": "list", "data": [item], "has_more": False,
            "url": f"/v1/subscription_items?subscription={made['id']}",
        }  # fmt: skip
        self.tell("customer.subscription.created", made)
        self.invoice_pay(made, "subscription_create")
        return made

    def invoice_pay(self, subscription: Thing, reason: str, *, fails: bool = False) -> Thing:
        """The invoice of the current period, paid by the subscription's card unless it fails."""
        item = subscription["items"]["data"][0]
        method = self.objects[subscription["default_payment_method"]]
        invoice = self.invoice_make(
            subscription["customer"], item["price"]["unit_amount"], subscription["currency"], reason
        )
        details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
        invoice["parent"] = {"type": "subscription_details", "subscription_details": details, "quote_details": None}
        invoice["lines"]["data"] = [self._line(invoice, subscription, item)]
        subscription["latest_invoice"] = invoice["id"]
        if fails:
            invoice |= {"status": "open", "amount_paid": 0, "amount_remaining": invoice["total"], "attempted": True}
            subscription["status"] = "past_due"
            self.tell("invoice.payment_failed", invoice)
            self.tell("customer.subscription.updated", subscription)
            return invoice
        return self._invoice_paid(invoice, method)

    def _invoice_paid(self, invoice: Thing, method: Thing) -> Thing:
        paid = self.intent_make(invoice["total"], invoice["currency"], method, metadata={})
        self.intent_succeed(paid)
        invoice |= {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0, "attempted": True}
        self.payment_of(invoice, paid["id"])
        self.tell("invoice.paid", invoice)
        return invoice

    def _line(self, invoice: Thing, subscription: Thing, item: Thing) -> Thing:
        price = item["price"]
        line = self.make(
            "line_item", "il", amount=price["unit_amount"], currency=price["currency"], subtotal=price["unit_amount"],
            discountable=True, invoice=invoice["id"], quantity=1, description="Plan", metadata={},
            period={"start": item["current_period_start"], "end": item["current_period_end"]},
            pricing={"type": "price_details", "price_details": {"price": price["id"], "product": price["product"]},
                     "unit_amount_decimal": str(price["unit_amount"])},
        )  # fmt: skip
        details = {
            "invoice_item": None, "proration": False, "proration_details": None,
            "subscription": subscription["id"], "subscription_item": item["id"],
        }  # fmt: skip
        line["parent"] = {
            "type": "subscription_item_details",
            "subscription_item_details": details,
            "invoice_item_details": None,
        }
        return line

    def period_pass(self, which: str, *, fails: bool = False) -> Thing:
        """A month later: the next period's invoice, or the end of a subscription that was cancelled."""
        subscription = self.get("subscription", which)
        item = subscription["items"]["data"][0]
        if subscription["cancel_at_period_end"]:
            subscription |= {"status": "canceled", "ended_at": int(time.time())}
            self.tell("customer.subscription.deleted", subscription)
            return subscription
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] += MONTH_S
        self.invoice_pay(subscription, "subscription_cycle", fails=fails)
        return subscription

    def get_subscriptions(self, given: Thing) -> Thing:
        return self.page("subscription", given, "/v1/subscriptions", customer=given.get("customer"))

    def get_subscriptions_subscription_exposed_id(self, given: Thing, which: str) -> Thing:
        return self.get("subscription", which)

    def post_subscriptions_subscription_exposed_id(self, given: Thing, which: str) -> Thing:
        subscription = self.get("subscription", which)
        for changed in given.get("items", []):
            item = self.get("subscription_item", changed["id"])
            item["price"] = self.get("price", changed["price"])
            subscription["items"]["data"][0] = item
        if "cancel_at_period_end" in given:
            subscription["cancel_at_period_end"] = given["cancel_at_period_end"]
        kept = {**subscription["metadata"], **given.get("metadata", {})}
        subscription["metadata"] = {name: word for name, word in kept.items() if word != ""}
        self.tell("customer.subscription.updated", subscription)
        if given.get("billing_cycle_anchor") == "now":
            now = int(time.time())
            subscription["items"]["data"][0] |= {"current_period_start": now, "current_period_end": now + MONTH_S}
            self.invoice_pay(subscription, "subscription_update")
        return subscription

    # --- The portal ------------------------------------------------------------------------------------------------

    def post_billing_portal_sessions(self, given: Thing) -> Thing:
        self.get("customer", given["customer"])
        made = self.make(
            "billing_portal.session", "bps", customer=given["customer"], return_url=given.get("return_url"),
            configuration="bpc_standard",
        )  # fmt: skip
        made["url"] = f"{self.url}/portal/{made['id']}"
        return made

    @route("GET", r"/portal/(?P<id>\w+)")
    def portal(self, request: Request, match: Any) -> Answer:
        """Cards and subscriptions of one customer, and a button that cancels."""
        session = self.objects[match["id"]]
        mine = [one for one in self.every("subscription") if one["customer"] == session["customer"]]
        rows = "".join(
            f"<li>{one['id']}: {one['status']}<button name='cancel' value='{one['id']}'>Cancel plan</button></li>"
            for one in mine
        )
        back = html.escape(session["return_url"] or "/")
        page = f"<!doctype html><title>Portal</title><h1>Customer portal</h1><form method=post><ul>{rows}</ul></form>"
        return Answer(200, f"{page}<a href='{back}'>Return to the site</a>".encode(), "text/html; charset=utf-8")

    @route("POST", r"/portal/(?P<id>\w+)")
    def portal_cancel(self, request: Request, match: Any) -> Answer:
        """Cancel at the end of the period."""
        chosen = parse_qs(request.body.decode())["cancel"][0]
        subscription = self.get("subscription", chosen)
        subscription["cancel_at_period_end"] = True
        self.tell("customer.subscription.updated", subscription)
        return Answer(303, headers={"Location": f"/portal/{match['id']}"})

    @route("GET", r"/(invoices|receipts)/(?P<id>\w+)(/pdf)?")
    def paper(self, request: Request, match: Any) -> Answer:
        """An invoice or a receipt, as a page."""
        thing = self.objects[match["id"]]
        amount = thing.get("amount", thing.get("total"))
        return Answer(
            200, f"<h1>{thing['object']} {thing['id']}</h1>{amount} {thing['currency']}".encode(), "text/html"
        )
