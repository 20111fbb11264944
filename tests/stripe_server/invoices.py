"""Invoices: drafts, their lines, their tax, and how a kept card pays them."""

from __future__ import annotations

import time

from tests.stripe_server.payments import Payments
from tests.stripe_server.state import Refusal, Thing

TAX_PERCENT = 10
_NO_PLACE = "The customer's location isn't recognized. Set a valid customer address to automatically calculate tax."
_ACTION = "This payment requires additional user action before it can be completed successfully."


class Invoices(Payments):
    """An invoice is a draft until it is finalised; then its total stands, and it is paid once or void."""

    def get_invoices(self, given: Thing) -> Thing:
        wanted = {name: given.get(name) for name in ("customer", "status")}
        return self.page("invoice", given, "/v1/invoices", **wanted)

    def get_invoices_invoice(self, given: Thing, which: str) -> Thing:
        return self.get("invoice", which)

    def get_invoice_payments(self, given: Thing) -> Thing:
        wanted = {name: given.get(name) for name in ("invoice", "status")}
        return self.page("invoice_payment", given, "/v1/invoice_payments", **wanted)

    # --- One by itself -----------------------------------------------------------------------------------------------

    def post_invoices(self, given: Thing) -> Thing:
        self.get("customer", given["customer"])
        made = self.invoice_make(given["customer"], 0, given["currency"], "manual")
        automatic = bool(given.get("automatic_tax", {}).get("enabled"))
        made |= {"status": "draft", "number": None, "auto_advance": given.get("auto_advance", False)}
        made |= {"metadata": given.get("metadata", {}), "hosted_invoice_url": None, "invoice_pdf": None}
        made["automatic_tax"] = _automatic(automatic, None)
        return made

    def post_invoiceitems(self, given: Thing) -> Thing:
        invoice = self._only(given["invoice"], "draft", "Finalized invoices can't be modified.")
        if invoice["customer"] != given["customer"] or invoice["currency"] != given["currency"]:
            raise Refusal(400, "invalid_request_error", "The invoice is of another customer or currency.")
        behavior = given.get("tax_behavior", "unspecified")
        if invoice["automatic_tax"]["enabled"] and behavior == "unspecified":
            raise Refusal(400, "invalid_request_error", "Automatic tax needs a tax behavior on each item.")
        now, amount = int(time.time()), given["amount"]
        item = self.make(
            "invoiceitem", "ii", customer=given["customer"], amount=amount, currency=given["currency"], date=now,
            discountable=True, period={"start": now, "end": now}, quantity=1, quantity_decimal="1", proration=False,
            invoice=invoice["id"], description=given.get("description"),
        )  # fmt: skip
        item.pop("created")
        line = self.make(
            "line_item", "il", amount=amount, currency=given["currency"], subtotal=amount, discountable=True,
            invoice=invoice["id"], quantity=1, description=given.get("description"), metadata={},
            period={"start": now, "end": now},
        )  # fmt: skip
        line.pop("created")
        invoice["lines"]["data"].append(line)
        _sum(invoice, invoice["subtotal"] + amount, 0)
        return item

    def post_invoices_invoice_finalize(self, given: Thing, which: str) -> Thing:
        invoice = self._only(which, "draft", "This invoice is already finalized, you can't re-finalize.")
        tax = 0
        if invoice["automatic_tax"]["enabled"]:
            if not self._place_known(invoice["customer"]):
                self._no_place(invoice)
            tax = invoice["subtotal"] * TAX_PERCENT // 100
            invoice["automatic_tax"] = _automatic(True, "complete")
        _sum(invoice, invoice["subtotal"], tax)
        invoice |= {"status": "open", "number": f"MR-{len(self.every('invoice')):04d}"}
        self._papers(invoice)
        self.tell("invoice.finalized", invoice)
        if invoice["amount_due"]:
            customer = {"customer": invoice["customer"], "id": None}
            paid = self.intent_make(
                invoice["total"], invoice["currency"], customer, metadata={}, status="requires_payment_method"
            )
            self.payment_of(invoice, paid["id"], status="open")
            return invoice
        return self._settled(invoice)

    def _no_place(self, invoice: Thing) -> None:
        invoice["automatic_tax"] = _automatic(True, "requires_location_inputs")
        error = {"type": "invalid_request_error", "code": "customer_tax_location_invalid", "message": _NO_PLACE}
        invoice["last_finalization_error"] = error
        self.tell("invoice.finalization_failed", invoice)
        raise Refusal(400, "invalid_request_error", _NO_PLACE, code="customer_tax_location_invalid")

    def _place_known(self, which: str) -> bool:
        """By the customer's address; else by that of the card it pays with."""
        customer = self.get("customer", which)
        card = self.objects.get(customer["invoice_settings"]["default_payment_method"] or "", {})
        places = [customer["address"], card.get("billing_details", {}).get("address")]
        return any((place or {}).get("country") for place in places)

    def post_invoices_invoice_pay(self, given: Thing, which: str) -> Thing:
        invoice = self._only(which, "open", "Invoice is already paid, or cannot be paid.")
        method = self.get("payment_method", given["payment_method"])
        if method["customer"] != invoice["customer"]:
            raise Refusal(400, "invalid_request_error", "The PaymentMethod does not belong to the Customer.")
        (payment,) = [one for one in self.every("invoice_payment") if one["invoice"] == which]
        paid = self.get("payment_intent", payment["payment"]["payment_intent"])
        paid["payment_method"] = method["id"]
        invoice |= {"attempted": True, "attempt_count": 1}
        if decline := self._decline_of(method):
            self._invoice_declined(invoice, paid, decline)
        self.intent_succeed(paid)
        payment |= {"status": "paid", "amount_paid": invoice["total"]}
        payment["status_transitions"] = {"canceled_at": None, "paid_at": int(time.time())}
        return self._settled(invoice)

    def _invoice_declined(self, invoice: Thing, paid: Thing, decline: str) -> None:
        code, status, message = decline, "requires_payment_method", "Your card was declined."
        if decline == "requires_action":
            code, status, message = "invoice_payment_intent_requires_action", "requires_action", _ACTION
            self.tell("invoice.payment_action_required", invoice)
        else:
            error = {"type": "card_error", "code": decline, "message": message}
            paid["last_payment_error"] = error
        paid["status"] = status
        self.tell("payment_intent.payment_failed", paid)
        self.tell("invoice.payment_failed", invoice)
        raise Refusal(402, "card_error", message, code=code)

    def _settled(self, invoice: Thing) -> Thing:
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0, "attempted": True}
        self.tell("invoice.paid", invoice)
        return invoice

    def post_invoices_invoice_void(self, given: Thing, which: str) -> Thing:
        invoice = self._only(which, "open", "Only open invoices can be voided.")
        invoice["status"] = "void"
        for payment in [one for one in self.every("invoice_payment") if one["invoice"] == which]:
            payment["status"] = "canceled"
            self.get("payment_intent", payment["payment"]["payment_intent"])["status"] = "canceled"
        self.tell("invoice.voided", invoice)
        return invoice

    def delete_invoices_invoice(self, given: Thing, which: str) -> Thing:
        self._only(which, "draft", "You can only delete draft invoices.")
        del self.objects[which]
        return {"id": which, "object": "invoice", "deleted": True}

    def _only(self, which: str, status: str, problem: str) -> Thing:
        invoice = self.get("invoice", which)
        if invoice["status"] != status:
            raise Refusal(400, "invalid_request_error", problem)
        return invoice

    # --- What other objects bring ------------------------------------------------------------------------------------

    def invoice_make(self, customer: str | None, total: int, currency: str, reason: str) -> Thing:
        """An open invoice, without lines yet."""
        count = len(self.every("invoice")) + 1
        made = self.make(
            "invoice", "in", customer=customer, currency=currency, billing_reason=reason, number=f"MR-{count:04d}",
            collection_method="charge_automatically", subtotal=total, total=total, amount_due=total, status="open",
            period_start=int(time.time()), period_end=int(time.time()), payment_settings={
                "default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        )  # fmt: skip
        self._papers(made)
        made["lines"] = {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{made['id']}/lines"}
        return made

    def _papers(self, invoice: Thing) -> None:
        invoice["hosted_invoice_url"] = f"{self.url}/invoices/{invoice['id']}"
        invoice["invoice_pdf"] = f"{self.url}/invoices/{invoice['id']}/pdf"

    def payment_of(self, invoice: Thing, intent: str, *, status: str = "paid") -> None:
        """The payment of an invoice, made or still to be made."""
        is_paid = status == "paid"
        times = {"canceled_at": None, "paid_at": int(time.time()) if is_paid else None}
        self.make(
            "invoice_payment", "inpay", invoice=invoice["id"], amount_paid=invoice["total"] if is_paid else None,
            status=status, amount_requested=invoice["total"], currency=invoice["currency"], is_default=True,
            status_transitions=times, payment={"type": "payment_intent", "payment_intent": intent},
        )  # fmt: skip


def _automatic(enabled: bool, status: str | None) -> Thing:
    liability = {"type": "self"} if enabled else None
    return {"enabled": enabled, "liability": liability, "status": status, "provider": None, "disabled_reason": None}


def _sum(invoice: Thing, subtotal: int, tax: int) -> None:
    invoice |= {"subtotal": subtotal, "subtotal_excluding_tax": subtotal, "total_excluding_tax": subtotal}
    invoice |= {"total": subtotal + tax, "amount_due": subtotal + tax, "amount_remaining": subtotal + tax}
    one = {
        "amount": tax, "tax_behavior": "exclusive", "taxability_reason": "standard_rated", "type": "tax_rate_details",
        "taxable_amount": subtotal, "tax_rate_details": {"tax_rate": "txr_standard"},
    }  # fmt: skip
    invoice["total_taxes"] = [one] if tax else []
