"""Webhooks of Stripe, over loopback HTTP against the whole stack, with the tests' stand-in for Stripe beside it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from bench.report import Figure, percentile
from bench.site import STRIPE, Site
from tests.stripe_server.server import StripeServer
from tests.stripe_server.state import signature

EVENTS = 200
CLIENTS = 4
AT_ONCE = 20


@contextmanager
def _stripe(site: Site) -> Iterator[StripeServer]:
    from apps.billing.models import StripeCustomer
    from apps.common.tenancy import unscoped

    # Each server begins with nothing: what the site knows of an earlier one is not there any more.
    with unscoped("the bench has a site of its own"):
        StripeCustomer.objects.all().delete()
    port = int(STRIPE["STRIPE_API_BASE"].rsplit(":", 1)[1])
    server = StripeServer(STRIPE["STRIPE_SECRET_KEY"], STRIPE["STRIPE_WEBHOOK_SECRET"], port)
    server.webhook = f"{site.url}/hooks/stripe/"
    try:
        yield server
    finally:
        server.stop()


def _paid(site: Site, server: StripeServer) -> dict[str, Any]:
    """The event of a purchase that was just paid, and of which the site has not heard."""
    made = site.post("/api/v1/credits/purchases", {"pack": "small"})
    server.session_complete(made["checkout_url"].rsplit("/", 1)[1])
    return server.told("checkout.session.completed")[-1]


def bench_webhook(site: Site) -> list[Figure]:
    """How long a signed event takes to be answered: verified, kept, handed to a worker."""
    with _stripe(site) as server, httpx.Client(timeout=30) as client:
        event = _paid(site, server)

        def one(number: int) -> float:
            body = json.dumps(event | {"id": f"evt_{secrets.token_hex(8)}"}).encode()
            headers = {"Stripe-Signature": signature(server.secret, body), "Content-Type": "application/json"}
            begun = time.perf_counter()
            answer = client.post(server.webhook, content=body, headers=headers)
            took = (time.perf_counter() - begun) * 1000
            answer.raise_for_status()
            return took

        for number in range(20):  # imports, connections
            one(number)
        with ThreadPoolExecutor(CLIENTS) as pool:
            took = list(pool.map(one, range(EVENTS)))
        _quiet()
    how = f"{EVENTS} signed events of their own ids by {CLIENTS} clients at once, loopback HTTP"
    parts = {"median": percentile(took, 50), "max": max(took)}
    return [Figure("webhook", "a webhook answered, p95", percentile(took, 95), 100, "ms", how, parts=parts)]


def bench_grant_once(site: Site) -> list[Figure]:
    """One paid session told twenty times at once: lines of the ledger, and how soon the credits are there."""
    with _stripe(site) as server:
        event = _paid(site, server)
        before = site.get("/api/v1/credits")["balance"]
        begun = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: server.deliver([event]), range(AT_ONCE)))
        while site.get("/api/v1/credits")["balance"] == before and time.perf_counter() - begun < 60:
            time.sleep(0.01)
        took = (time.perf_counter() - begun) * 1000
        _quiet()
        after = site.get("/api/v1/credits")["balance"]
    grants = (after - before) / (1_000 * 1_000_000)
    how = f"one event of a paid session delivered {AT_ONCE} times at once over HTTP; what the balance grew by"
    return [
        Figure("grant_once", f"grants of one session delivered {AT_ONCE} times", grants, 1, "", how),
        Figure("grant_once", "credits there after the first delivery", took, 5_000, "ms", how),
    ]


def _quiet() -> None:
    """Until the workers have done what they were told."""
    from apps.billing.models import InboxEvent, InboxState

    deadline = time.monotonic() + 60
    while InboxEvent.objects.filter(state=InboxState.WAITING).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
