"""Checkout: sessions, and the page on which a person pays, is declined, pays later, or turns back."""

from __future__ import annotations

import html
import time
from typing import Any
from urllib.parse import parse_qs

from tests.stripe_server.invoices import TAX_PERCENT
from tests.stripe_server.payments import address
from tests.stripe_server.state import Refusal, Thing
from tests.stripe_server.subscriptions import Subscriptions
from tests.vendors.server import Answer, Request, route

EXPIRES_S = 86_400


class Checkout(Subscriptions):
    """A session is open until it is complete or expires; it can be paid once."""

    def post_checkout_sessions(self, given: Thing) -> Thing:
        lines, mode = given.get("line_items", []), given["mode"]
        if mode != "setup" and not lines:
            raise Refusal(400, "invalid_request_error", "You must specify line_items.", param="line_items")
        self.get("customer", given["customer"])
        subtotal = sum(self._unit(line) * line.get("quantity", 1) for line in lines)
        automatic = bool(given.get("automatic_tax", {}).get("enabled"))
        tax = subtotal * TAX_PERCENT // 100 if automatic else 0
        now = int(time.time())
        expires = given.get("expires_at", now + EXPIRES_S)
        if not now + 30 * 60 - 60 <= expires <= now + EXPIRES_S + 60:
            problem = (
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
            )
            raise Refusal(400, "invalid_request_error", problem)
        made = self.make(
            "checkout.session", "cs_test", mode=mode, status="open", payment_status="no_payment_required",
            customer=given["customer"], client_reference_id=given.get("client_reference_id"), expires_at=expires,
            metadata=given.get("metadata", {}), success_url=given["success_url"], cancel_url=given.get("cancel_url"),
            payment_method_types=["card"], allow_promotion_codes=given.get("allow_promotion_codes"),
        )  # fmt: skip
        made["automatic_tax"] = {
            "enabled": automatic, "liability": None, "status": "complete" if automatic else None, "provider": None,
        }  # fmt: skip
        if mode != "setup":
            made |= {"payment_status": "unpaid", "currency": self._currency(lines[0]), "amount_subtotal": subtotal}
            made |= {"amount_total": subtotal + tax, "total_details": _totals(0, tax)}
        made["url"] = f"{self.url}/pay/{made['id']}"
        self._asked()[made["id"]] = given
        return made

    def _asked(self) -> dict[str, Thing]:
        """What was asked for each session: not all of it is in the answer."""
        found: dict[str, Thing] = self.__dict__.setdefault("_asked_for", {})
        return found

    def _unit(self, line: Thing) -> int:
        data = line.get("price_data")
        return int(data["unit_amount"] if data else self.get("price", line["price"])["unit_amount"])

    def _currency(self, line: Thing) -> str:
        data = line.get("price_data")
        return str(data["currency"] if data else self.get("price", line["price"])["currency"])

    def get_checkout_sessions_session(self, given: Thing, which: str) -> Thing:
        return self._current(self.get("checkout.session", which))

    def get_checkout_sessions(self, given: Thing) -> Thing:
        wanted = {name: given.get(name) for name in ("customer", "status", "payment_intent", "subscription")}
        return self.page("checkout.session", given, "/v1/checkout/sessions", **wanted)

    def post_checkout_sessions_session_expire(self, given: Thing, which: str) -> Thing:
        session = self._current(self.get("checkout.session", which))
        if session["status"] != "open":
            problem = 'Only Checkout Sessions with a status in ["open"] can be expired.'
            raise Refusal(400, "invalid_request_error", problem)
        return self.session_expire(session)

    def session_expire(self, session: Thing) -> Thing:
        """Its time is over, or it was taken back."""
        session |= {"status": "expired", "url": None}
        self.tell("checkout.session.expired", session)
        return session

    def _current(self, session: Thing) -> Thing:
        if session["status"] == "open" and session["expires_at"] <= time.time():
            self.session_expire(session)
        return session

    # --- The page --------------------------------------------------------------------------------------------------

    @route("GET", r"/pay/(?P<id>\w+)")
    def pay_page(self, request: Request, match: Any) -> Answer:
        """What a person sees at Stripe."""
        session = self._current(self.get("checkout.session", match["id"]))
        return self._page(session) if session["status"] == "open" else self._over(session)

    @route("POST", r"/pay/(?P<id>\w+)")
    def pay(self, request: Request, match: Any) -> Answer:
        """A button of that page."""
        session = self._current(self.get("checkout.session", match["id"]))
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if session["status"] != "open":
            return self._over(session)
        if form.get("code"):
            problem = self.promotion_apply(session, form["code"])
            if problem:
                return self._page(session, problem)
        if form["how"] == "decline":
            return self._page(session, "Your card was declined. Try another card.")
        self.session_complete(session["id"], later=form["how"] == "later")
        where = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
        return Answer(303, headers={"Location": where})

    def promotion_apply(self, session: Thing, code: str) -> str:
        """Take the code's part off; answers what is wrong with it, or ""."""
        found = next((one for one in self.every("promotion_code") if one["code"] == code and one["active"]), None)
        if found is None or not session["allow_promotion_codes"]:
            return "This code is invalid."
        percent = self.get("coupon", found["promotion"]["coupon"])["percent_off"]
        off = session["amount_subtotal"] * percent // 100
        tax = (session["amount_subtotal"] - off) * TAX_PERCENT // 100 if session["automatic_tax"]["enabled"] else 0
        session |= {"amount_total": session["amount_subtotal"] - off + tax, "total_details": _totals(off, tax)}
        found["times_redeemed"] += 1
        return ""

    def session_complete(
        self, which: str, *, later: bool = False, card: str = "pm_card_visa", country: str = "DE"
    ) -> Thing:
        """Somebody filled in the page. ``later``: with a method whose money comes in days, or not at all."""
        session, asked = self.get("checkout.session", which), self._asked()[which]
        session |= {"status": "complete", "url": None}
        method = self.card_make(card, session["customer"])
        if session["mode"] == "setup":
            intent = self.make(
                "setup_intent", "seti", customer=session["customer"], payment_method=method["id"], status="succeeded",
                usage="off_session", payment_method_types=["card"],
            )  # fmt: skip
            session["setup_intent"] = intent["id"]
            if asked.get("billing_address_collection") == "required":
                method["billing_details"]["address"] = address(country)
        elif session["mode"] == "subscription":
            price = self.get("price", asked["line_items"][0]["price"])
            metadata = asked.get("subscription_data", {}).get("metadata", {})
            made = self.subscription_make(session["customer"], price, method, metadata)
            session |= {"subscription": made["id"], "invoice": made["latest_invoice"], "payment_status": "paid"}
        elif session["amount_total"]:
            self._session_pay(session, asked, method, later=later)
        else:
            session["payment_status"] = "no_payment_required"
        self.tell("checkout.session.completed", session)
        return session

    def _session_pay(self, session: Thing, asked: Thing, method: Thing, *, later: bool) -> None:
        data = asked.get("payment_intent_data", {})
        paid = self.intent_make(session["amount_total"], session["currency"], method, metadata=data.get("metadata", {}))
        session["payment_intent"] = paid["id"]
        if later:
            self.tell("payment_intent.processing", paid)
            return
        self.intent_succeed(paid)
        session["payment_status"] = "paid"
        if asked.get("invoice_creation", {}).get("enabled"):
            invoice = self.invoice_make(session["customer"], session["amount_total"], session["currency"], "manual")
            invoice |= {"status": "paid", "amount_paid": invoice["total"]}
            self.payment_of(invoice, paid["id"])
            session["invoice"] = invoice["id"]
            self.tell("invoice.paid", invoice)

    def session_settle(self, which: str, *, well: bool) -> Thing:
        """The money of a delayed method has come, or has not."""
        session = self.get("checkout.session", which)
        paid = self.get("payment_intent", session["payment_intent"])
        if well:
            self.intent_succeed(paid)
            session["payment_status"] = "paid"
            self.tell("checkout.session.async_payment_succeeded", session)
            return session
        error = {
            "type": "card_error",
            "code": "payment_intent_payment_attempt_failed",
            "message": "The debit was refused.",
        }
        paid |= {"status": "requires_payment_method", "last_payment_error": error}
        self.tell("payment_intent.payment_failed", paid)
        self.tell("checkout.session.async_payment_failed", session)
        return session

    def _page(self, session: Thing, problem: str = "") -> Answer:
        asked = self._asked()[session["id"]]
        name = _name_of(asked) or "Save a card"
        total = (
            ""
            if session["amount_total"] is None
            else f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        )
        code = '<label>Promotion code <input name="code"></label>' if session["allow_promotion_codes"] else ""
        page = _PAGE.format(
            name=html.escape(name), total=total, code=code, back=html.escape(session["cancel_url"] or "/"),
            problem=f'<p role="alert">{html.escape(problem)}</p>' if problem else "",
        )  # fmt: skip
        return Answer(200, page.encode(), "text/html; charset=utf-8")

    def _over(self, session: Thing) -> Answer:
        if session["status"] == "complete":
            where = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
            text = f"<h1>You have already paid</h1><a href='{html.escape(where)}'>Return to the site</a>"
        else:
            text = "<h1>This checkout has expired</h1>"
        return Answer(200, f"<!doctype html><title>Checkout</title>{text}".encode(), "text/html; charset=utf-8")


def _totals(discount: int, tax: int) -> Thing:
    return {"amount_discount": discount, "amount_shipping": None, "amount_tax": tax}


def _name_of(asked: Thing) -> str:
    for line in asked.get("line_items", []):
        data = line.get("price_data", {}).get("product_data")
        return str(data["name"]) if data else "Plan, monthly"
    return ""


_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Checkout</title>
<style>
body{{font:16px system-ui;display:grid;place-items:center;min-height:90vh;background:#f6f8fa;color:#1a1f36}}
form{{background:#fff;padding:32px;border-radius:10px;width:360px;display:grid;gap:14px;box-shadow:0 2px 12px #0002}}
button{{font:inherit;padding:10px;border-radius:6px;border:1px solid #ccd;background:#fff}}
button[value=now]{{background:#0a2540;color:#fff}}
[role=alert]{{color:#b00020}} h1{{margin:0;font-size:20px}} .total{{font-size:32px;font-weight:600}}
small{{color:#8a5300}}
</style>
<form method="post"><small>TEST MODE · stands in for Stripe Checkout</small><h1>{name}</h1>
<div class="total">{total}</div>
{problem}{code}<button name="how" value="now">Pay</button>
<button name="how" value="decline">Pay with a card that is declined</button>
<button name="how" value="later">Pay by bank debit (days later)</button>
<a href="{back}">Back to the site</a></form></html>"""
