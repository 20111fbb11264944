"""Customers, cards, payments, refunds, disputes."""

from __future__ import annotations

from tests.stripe_server.state import Refusal, State, Thing

# Tokens of Stripe's own test cards, and how a payment with each goes.
CARDS: dict[str, dict[str, str]] = {
    "pm_card_visa": {"brand": "visa", "last4": "4242"},
    "pm_card_chargeCustomerFail": {"brand": "visa", "last4": "0341", "decline": "card_declined"},
    "pm_card_authenticationRequired": {"brand": "visa", "last4": "3184", "decline": "authentication_required"},
    "pm_card_threeDSecure2Required": {"brand": "visa", "last4": "3220", "decline": "requires_action"},
}


class Payments(State):
    """What moves money."""

    # --- Customers and their cards ---------------------------------------------------------------------------------

    def post_customers(self, given: Thing) -> Thing:
        kept = {name: given.get(name) for name in ("name", "email", "metadata")}
        return self.make("customer", "cus", **kept, invoice_settings=_invoice_settings(None))

    def get_customers_customer(self, given: Thing, which: str) -> Thing:
        customer = self.get("customer", which)
        if "tax" not in given.get("expand", []):
            return customer
        known = "supported" if (customer["address"] or {}).get("country") else "unrecognized_location"
        return customer | {"tax": {"automatic_tax": known, "ip_address": None, "location": None, "provider": "stripe"}}

    def post_customers_customer(self, given: Thing, which: str) -> Thing:
        customer = self.get("customer", which)
        method = given.get("invoice_settings", {}).get("default_payment_method")
        if method:
            customer["invoice_settings"] = _invoice_settings(self.get("payment_method", method)["id"])
        if "address" in given:
            customer["address"] = address("") | given["address"]
        return customer | {"name": given.get("name", customer["name"])}

    def get_customers_customer_payment_methods(self, given: Thing, which: str) -> Thing:
        return self.page("payment_method", given, f"/v1/customers/{which}/payment_methods", customer=which)

    def get_payment_methods_payment_method(self, given: Thing, which: str) -> Thing:
        return self.get("payment_method", which)

    def get_setup_intents_intent(self, given: Thing, which: str) -> Thing:
        return self.get("setup_intent", which)

    def post_payment_methods_payment_method_attach(self, given: Thing, which: str) -> Thing:
        return self.card_make(which, given["customer"])

    def card_make(self, token: str, customer: str | None) -> Thing:
        """A card; ``token`` names how payments with it go."""
        card = CARDS[token]
        details = {
            "brand": card["brand"], "last4": card["last4"], "exp_month": 12, "exp_year": 2034, "funding": "credit",
            "country": "US", "checks": None, "three_d_secure_usage": None, "wallet": None, "networks": None,
            "generated_from": None, "fingerprint": token, "display_brand": card["brand"], "regulated_status": None,
        }  # fmt: skip
        made = self.make("payment_method", "pm", type="card", card=details, customer=customer)
        made["billing_details"] = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
        return made

    # --- Payments --------------------------------------------------------------------------------------------------

    def get_payment_intents_intent(self, given: Thing, which: str) -> Thing:
        return self.get("payment_intent", which)

    def get_payment_intents(self, given: Thing) -> Thing:
        return self.page("payment_intent", given, "/v1/payment_intents", customer=given.get("customer"))

    def intent_make(
        self, amount: int, currency: str, method: Thing, *, metadata: Thing, status: str = "processing"
    ) -> Thing:
        """A payment that is on its way."""
        return self.make(
            "payment_intent", "pi", amount=amount, currency=currency, status=status, metadata=dict(metadata),
            customer=method["customer"], payment_method=method["id"], payment_method_types=["card"],
            capture_method="automatic_async", confirmation_method="automatic", amount_capturable=0, amount_received=0,
        )  # fmt: skip

    def intent_succeed(self, paid: Thing) -> Thing:
        """The money is there; answers the charge."""
        charge = self.make(
            "charge", "ch", amount=paid["amount"], amount_captured=paid["amount"], amount_refunded=0, captured=True,
            currency=paid["currency"], customer=paid["customer"], paid=True, refunded=False, disputed=False,
            status="succeeded", payment_intent=paid["id"], payment_method=paid["payment_method"], metadata={},
        )  # fmt: skip
        charge["receipt_url"] = f"{self.url}/receipts/{charge['id']}"
        paid |= {"status": "succeeded", "amount_received": paid["amount"], "latest_charge": charge["id"]}
        self.tell("payment_intent.succeeded", paid)
        self.tell("charge.succeeded", charge)
        return charge

    def _decline_of(self, method: Thing) -> str | None:
        return CARDS[method["card"]["fingerprint"]].get("decline")

    # --- Charges, refunds, disputes --------------------------------------------------------------------------------

    def get_charges_charge(self, given: Thing, which: str) -> Thing:
        return self.get("charge", which)

    def post_refunds(self, given: Thing) -> Thing:
        if "charge" in given:
            charge = self.get("charge", given["charge"])
        else:
            charge = self.get("charge", self.get("payment_intent", given["payment_intent"])["latest_charge"])
        left = charge["amount"] - charge["amount_refunded"]
        amount = given.get("amount", left)
        if left == 0:
            raise Refusal(
                400, "invalid_request_error", "Charge has already been refunded.", code="charge_already_refunded"
            )
        if amount > left:
            problem = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise Refusal(400, "invalid_request_error", problem)
        made = self.make(
            "refund", "re", amount=amount, charge=charge["id"], currency=charge["currency"], status="succeeded",
            payment_intent=charge["payment_intent"], metadata=given.get("metadata", {}), reason=given.get("reason"),
        )  # fmt: skip
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.tell("refund.created", made)
        self.tell("charge.refunded", charge)
        return made

    def get_refunds(self, given: Thing) -> Thing:
        return self.page("refund", given, "/v1/refunds", charge=given.get("charge"))

    def refund_fail(self, which: str) -> Thing:
        """The bank sends a refund back: what was refunded is so no more."""
        refund = self.get("refund", which) | {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        self.objects[which] = refund
        charge = self.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self.tell("refund.failed", refund)
        return refund

    def dispute_open(self, charge_id: str, amount: int | None = None) -> Thing:
        """The bank of whoever paid takes the money back, for now."""
        charge = self.get("charge", charge_id)
        made = self.make(
            "dispute", "dp", charge=charge_id, amount=amount or charge["amount"], currency=charge["currency"],
            payment_intent=charge["payment_intent"], reason="fraudulent", status="needs_response", metadata={},
        )  # fmt: skip
        charge["disputed"] = True
        self.tell("charge.dispute.created", made)
        return made

    def dispute_close(self, which: str, *, won: bool) -> Thing:
        """The bank has decided."""
        dispute = self.get("dispute", which)
        dispute["status"] = "won" if won else "lost"
        self.tell("charge.dispute.closed", dispute)
        return dispute

    def get_disputes_dispute(self, given: Thing, which: str) -> Thing:
        return self.get("dispute", which)

    def get_disputes(self, given: Thing) -> Thing:
        return self.page("dispute", given, "/v1/disputes", charge=given.get("charge"))

    def get_events(self, given: Thing) -> Thing:
        return self.page("event", given, "/v1/events", type=given.get("type"))


def address(country: str) -> Thing:
    """An address of which only the country is known."""
    rest = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {"country": country or None, **rest}


def _invoice_settings(method: str | None) -> Thing:
    return {"custom_fields": None, "default_payment_method": method, "footer": None, "rendering_options": None}
