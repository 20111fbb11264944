"""Lines of the ledger that come from payments lead to the purchase and its papers."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.billing.expiry import lots_expire
from apps.billing.models import Lot
from apps.billing.stripe_client import stripe_call
from tests.billing.shop import Shop

pytestmark = pytest.mark.django_db


def test_each_line_of_a_payment_leads_to_its_purchase(shop: Shop, alice_client: Client, reader: Client) -> None:
    made = shop.bought("medium")
    dispute = shop.stripe.dispute_open(shop.charge_of(made))
    shop.hear()
    shop.stripe.dispute_close(dispute["id"], won=True)
    shop.hear()
    stripe_call("refunds.create", payment_intent=made.payment_intent_id, amount=1_000)
    shop.hear()
    items = reader.get("/api/v1/credits/entries").json()["items"]
    assert [item["kind"] for item in items] == ["refund", "dispute_won", "dispute", "topup"]
    assert {item["purchase"] for item in items} == {str(made.id)}
    assert made.receipt_url.startswith(shop.stripe.url)
    assert {item["url"] for item in items} == {made.receipt_url}
    page = alice_client.get("/w/mill/billing/").content.decode()
    assert page.count(f'href="{made.receipt_url}"') == page.count(f'href="/w/mill/billing/purchases/{made.id}/"') == 4
    text = b"".join(alice_client.get("/w/mill/billing/ledger.csv")).decode("utf-8-sig")
    for line in csv.DictReader(io.StringIO(text)):
        assert (line["Purchase"], line["Address"]) == (str(made.id), made.receipt_url)


def test_without_a_paper_it_is_our_page_of_it(shop: Shop, reader: Client) -> None:
    made = shop.bought()
    type(made).objects.for_workspace(shop.workspace.id).update(receipt_url="", invoice_url="")
    now = timezone.now()
    Lot.objects.for_workspace(shop.workspace.id).update(expires_at=now - timedelta(days=1))
    assert lots_expire(now) == 1
    items = reader.get("/api/v1/credits/entries").json()["items"]
    assert [item["kind"] for item in items] == ["expiry", "topup"]
    for item in items:
        assert item["url"].endswith(f"/w/mill/billing/purchases/{made.id}/")
