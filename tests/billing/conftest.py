from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.workspaces.models import ApiToken, TokenScope, Workspace
from tests.billing.shop import Shop
from tests.conftest import client_of
from tests.stripe_server.server import StripeServer


def in_parallel(calls: Iterable[Callable[[], Any]], *, threads: int) -> list[Any]:
    """Run every call on its own connection, ``threads`` at a time; an exception is its result."""

    def one(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, list(calls)))


@pytest.fixture
def root_client(db: None) -> Client:
    """Staff with every permission."""
    return client_of(User.objects.create_superuser("root@example.org"))


@pytest.fixture
def reader(alice: User, workspace: Workspace) -> Client:
    """A client with a token of alice that may only read."""
    secret = "mr_billing"
    ApiToken.objects.for_workspace(workspace.id).create(
        workspace=workspace,
        name="test",
        created_by=alice,
        digest=ApiToken.digest_of(secret),
        scopes=[TokenScope.READ.value],
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def stripe_server() -> Iterator[StripeServer]:
    """A Stripe that is held to its official description."""
    server = StripeServer()
    yield server
    server.stop()


@pytest.fixture
def shop(stripe_server: StripeServer, settings: Any, workspace: Workspace, alice: User) -> Shop:
    """Our side set up to sell, and Alice's workspace to buy."""
    settings.STRIPE_SECRET_KEY = stripe_server.key
    settings.STRIPE_WEBHOOK_SECRET = [stripe_server.secret]
    settings.STRIPE_API_BASE = stripe_server.url
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return Shop(stripe_server, workspace, alice.id)
