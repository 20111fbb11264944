"""Stripe's webhook: genuine events of our mode are kept once, everything else leaves no trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.billing.models import InboxEvent
from apps.billing.webhooks import BODY_MAX
from tests.billing.shop import Shop, now
from tests.stripe_server.state import signature

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(shop: Shop) -> dict[str, Any]:
    made = shop.order()
    shop.pay(made)
    return shop.stripe.told("checkout.session.completed")[0]


def test_a_genuine_event_is_kept_once_however_often_it_comes(shop: Shop, event: dict[str, Any]) -> None:
    assert shop.tell(event, event, event) == [200, 200, 200]
    row = InboxEvent.objects.get()
    assert (row.event_id, row.type, row.object_id) == (event["id"], event["type"], event["data"]["object"]["id"])


def test_the_tasks_are_what_works_on_it(shop: Shop, event: dict[str, Any]) -> None:
    from apps.billing.tasks import inbox_event

    shop.tell(event)
    inbox_event(inbox_id=str(InboxEvent.objects.get().id))
    assert shop.balance == 1_000


def test_events_in_reverse_order_end_the_same(shop: Shop, event: dict[str, Any]) -> None:
    shop.hear(*reversed(shop.stripe.events))
    assert shop.balance == 1_000


@pytest.mark.parametrize("age", [-301, -86_400, 302, 86_400])
def test_stale_and_future_are_refused(shop: Shop, event: dict[str, Any], age: int) -> None:
    assert shop.tell(event, at=now() + age) == [400]
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("age", [-290, 290])
def test_a_clock_that_is_a_little_off_is_allowed(shop: Shop, event: dict[str, Any], age: int) -> None:
    assert shop.tell(event, at=now() + age) == [200]


def test_forged_is_refused(shop: Shop, event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    altered = body.replace(b'"paid"', b'"free"')
    assert shop.post(body, secret="whsec_guess") == 400
    assert shop.post(altered, header=signature(shop.stripe.secret, body)) == 400
    for header in ("", "t=,v1=", "nonsense", f"t={now()},v1=", f"t=x,v1={'0' * 64}"):
        assert shop.post(body, header=header or " ") == 400
    assert not InboxEvent.objects.exists()


def test_both_secrets_hold_while_one_replaces_the_other(shop: Shop, event: dict[str, Any], settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ["whsec_new", shop.stripe.secret]
    assert shop.tell(event) == [200]
    assert shop.tell(event, secret="whsec_new") == [200]


def test_the_other_mode_is_refused(shop: Shop, event: dict[str, Any], settings: Any) -> None:
    assert shop.tell(event | {"livemode": True}) == [400]
    settings.STRIPE_SECRET_KEY = "sk_live_x"
    assert shop.tell(event) == [400]
    assert not InboxEvent.objects.exists()


def test_what_we_do_nothing_about_leaves_no_row(shop: Shop, event: dict[str, Any]) -> None:
    assert shop.tell(event | {"id": "evt_other", "type": "radar.early_fraud_warning.created"}) == [200]
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"livemode": false}', b"\xff\xfe", b"not json"])
def test_what_is_no_event_is_refused_even_when_signed(shop: Shop, body: bytes) -> None:
    assert shop.post(body) in (400, 413)  # an empty one has no length
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "evt_\x00"},
        {"id": "evt_\ud800"},
        {"id": ["evt"]},
        {"created": 10**20},
        {"created": None},
        {"data": {"object": {"id": {}}}},
    ],
)
def test_a_member_of_another_shape_is_refused(shop: Shop, event: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert shop.tell(event | wrong) == [400]
    assert shop.post(b"[" * 100_000) == 400
    assert not InboxEvent.objects.exists()


def test_a_flood_of_large_bodies_is_refused_by_its_header_alone(shop: Shop) -> None:
    assert shop.post(b"x" * (BODY_MAX + 1)) == 413
    unread = Client().generic("POST", "/hooks/stripe/", b"", CONTENT_LENGTH=str(10**9))
    assert unread.status_code == 413
    assert Client().get("/hooks/stripe/").status_code == 405


def test_without_a_key_nothing_is_genuine(shop: Shop, event: dict[str, Any], settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert shop.tell(event) == [400]
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = shop.stripe.key, []
    assert shop.tell(event) == [400]
