"""The pages and the API of buying: what each role meets, and one clear sentence for what cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.billing.models import Purchase, PurchaseState, TopupRule
from apps.common.money import MICRO
from tests.billing.shop import Shop

pytestmark = pytest.mark.django_db
BUY = "/w/mill/billing/buy/"
API = "/api/v1/credits/purchases"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_buy_pay_and_read_what_was_added(shop: Shop, alice_client: Client) -> None:
    page = alice_client.get(BUY)
    assert "5,250" in text_of(page)
    key = re.search(r'name="key" value="(\w+)"', page.content.decode())
    assert key
    first = alice_client.post(BUY, {"pack": "medium", "key": key[1]})
    twice = alice_client.post(BUY, {"pack": "medium", "key": key[1]})
    assert (first.status_code, first["Location"]) == (303, twice["Location"])
    made = Purchase.objects.for_workspace(shop.workspace.id).get()
    here = f"/w/mill/billing/purchases/{made.id}/"
    assert "Still confirming" in text_of(alice_client.get(here))
    left = alice_client.get(here + "?cancelled=1")
    assert "Nothing was paid" in text_of(left)
    assert alice_client.post(here + "pay/")["Location"] == first["Location"]
    back = shop.pay(made)
    assert back.headers["location"].endswith(f"{here}?session_id={made.session_id}")
    done = text_of(alice_client.get(here + f"?session_id={made.session_id}"))
    assert "5,250 credits were added" in done
    papers = alice_client.get("/w/mill/billing/payments/").content.decode()
    assert f"{shop.stripe.url}/invoices/" in papers
    assert f"{shop.stripe.url}/receipts/" in papers
    assert alice_client.post(here + "pay/")["Location"].endswith(here), "there is nothing to pay any more"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amount": "4.99"}, "from 5.00 USD to 5,000.00 USD"),
        ({"amount": "ten"}, "number"),
        ({"pack": "gigantic"}, "no such pack"),
        ({}, "from 5.00 USD"),
    ],
)
def test_what_cannot_be_bought_is_said_where_it_was_typed(
    shop: Shop, alice_client: Client, given: dict[str, str], said: str
) -> None:
    page = alice_client.post(BUY, given)
    assert page.status_code == 422
    assert said in text_of(page)


def test_stripe_away_keeps_the_purchase_and_offers_to_go_on(shop: Shop, alice_client: Client) -> None:
    shop.stripe.script = "500"
    page = alice_client.post(BUY, {"pack": "small"})
    assert page.status_code == 503
    assert "Try again in a minute" in text_of(page)
    assert "Continue to payment" in text_of(page)
    for path in ("card", "portal"):
        page = alice_client.post(f"/w/mill/billing/payments/{path}/", follow=True)
        assert "does not answer" in text_of(page)


def test_others_look_and_admins_buy(shop: Shop, ada_client: Client, bob_client: Client, victor_client: Client) -> None:
    for client in (bob_client, victor_client):
        assert "Admins of this workspace buy credits" in text_of(client.get(BUY))
        assert client.post(BUY, {"pack": "small"}).status_code == 403
        assert client.post("/w/mill/billing/plan/", {"plan": "team"}).status_code == 403
    assert ada_client.post(BUY, {"pack": "small"}).status_code == 303


def test_without_a_key_the_pages_say_so(alice_client: Client) -> None:
    for page in ("buy", "plan", "payments"):
        assert "Payments are not set up on this site" in text_of(alice_client.get(f"/w/mill/billing/{page}/"))
    assert "not set up" in text_of(alice_client.post(BUY, {"pack": "small"}))
    assert "not set up" in text_of(alice_client.post("/w/mill/billing/payments/card/", follow=True))


def test_a_plan_by_its_page(shop: Shop, alice_client: Client) -> None:
    assert alice_client.post("/w/mill/billing/plan/", {"plan": "galaxy"}).status_code == 422
    away = alice_client.post("/w/mill/billing/plan/", {"plan": "studio"})
    assert away.status_code == 303
    shop.stripe.session_complete(away["Location"].rsplit("/", 1)[1])
    shop.hear()
    page = text_of(alice_client.get("/w/mill/billing/plan/"))
    assert "renews on" in page
    assert "Change to Team" in page
    assert "Plan credits" in text_of(alice_client.get("/w/mill/billing/payments/"))
    changed = alice_client.post("/w/mill/billing/plan/", {"plan": "team"}, follow=True)
    assert "The plan was changed to Team" in text_of(changed)
    assert shop.balance == 14_000


def test_a_card_and_the_rule_of_automatic_top_up(shop: Shop, alice_client: Client) -> None:
    rule = {"enabled": "on", "threshold": "500", "credits": "2000", "monthly_cap": "100"}
    refused = alice_client.post("/w/mill/billing/payments/topup/", rule)
    assert (refused.status_code, "Add a card first" in text_of(refused)) == (422, True)
    away = alice_client.post("/w/mill/billing/payments/card/")
    session = away["Location"].rsplit("/", 1)[1]
    back = shop.stripe.session_complete(session)["success_url"].replace("{CHECKOUT_SESSION_ID}", session)
    assert "Visa ending in 4242" in text_of(alice_client.get(back, follow=True))
    alice_client.post("/w/mill/billing/payments/topup/", rule)
    kept = TopupRule.objects.for_workspace(shop.workspace.id).get()
    assert (kept.enabled, kept.threshold, kept.credits, kept.monthly_cap) == (True, 500 * MICRO, 2_000 * MICRO, 10_000)
    for wrong, said in (
        ({"threshold": "5000"}, "at least as many as the threshold"),
        ({"monthly_cap": "19.99"}, "One purchase costs 20.00 USD"),
        ({"credits": "1"}, "greater than or equal to 500"),
        ({"monthly_cap": ""}, "required"),
    ):
        page = alice_client.post("/w/mill/billing/payments/topup/", rule | wrong)
        assert (page.status_code, said in text_of(page)) == (422, True), said


def test_somebody_elses_card_session_is_not_taken(shop: Shop, alice_client: Client, charlie_client: Client) -> None:
    away = alice_client.post("/w/mill/billing/payments/card/")
    session = away["Location"].rsplit("/", 1)[1]
    shop.stripe.session_complete(session)
    page = charlie_client.get(f"/w/elsewhere/billing/payments/?card={session}", follow=True)
    assert "Visa" not in text_of(page)


def test_the_api(shop: Shop, api: Callable[..., Client], reader: Client) -> None:
    client = api()
    asked = json.dumps({"pack": "small"})
    made = client.post(API, asked, "application/json", headers={"Idempotency-Key": "k1"})
    again = client.post(API, asked, "application/json", headers={"Idempotency-Key": "k1"})
    assert made.status_code == 201
    assert again.json() == made.json()
    assert made.json()["checkout_url"].startswith(shop.stripe.url)
    other = client.post(API, json.dumps({"pack": "large"}), "application/json", headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency-conflict")
    purchase = Purchase.objects.for_workspace(shop.workspace.id).get()
    shop.pay(purchase)
    shop.hear()
    shown = reader.get(f"{API}/{purchase.id}").json()
    assert (shown["state"], shown["credits"], shown["paid"]) == (PurchaseState.PAID, 1_000 * MICRO, 1_000)
    assert [one["id"] for one in reader.get(API).json()["items"]] == [str(purchase.id)]
    assert reader.post(API, asked, "application/json").status_code == 403
    for body, status in (
        ({}, 422), ({"pack": "small", "amount": 500}, 422), ({"amount": 1}, 422), ({"amount": "500"}, 422),
        ({"pack": "gigantic"}, 422), ({"pack": "small", "credits": 9}, 422),
    ):  # fmt: skip
        assert client.post(API, json.dumps(body), "application/json").status_code == status
    shop.stripe.script = "500"
    away = client.post(API, asked, "application/json")
    assert (away.status_code, away.json()["type"]) == (503, "/problems/payments-unavailable")
