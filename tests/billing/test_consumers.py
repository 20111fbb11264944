"""The balance's socket, on the real channel layer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.db import connections

from apps.accounts.models import User
from apps.billing.consumers import NOT_FOUND, PAUSE_S
from apps.billing.routing import websocket_urlpatterns
from apps.billing.services import credits_grant
from apps.common.ids import uuid7
from apps.workspaces.models import Membership, Workspace

# Generous: it only matters when the machine is busy.
TIMEOUT_S = 30
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _thread_closes(db: None) -> AsyncIterator[None]:
    """Channels' communicator keeps the connection of its thread open; the test database could not be dropped."""
    yield
    await sync_to_async(connections.close_all)()


async def connected(user: Any, slug: str, language: str = "en") -> WebsocketCommunicator:
    headers = [(b"accept-language", language.encode())]
    routes: Any = websocket_urlpatterns
    socket = WebsocketCommunicator(URLRouter(routes), f"/ws/w/{slug}/billing/", headers=headers)
    # What the session's middleware adds.
    added: Any = socket.scope
    added.update(user=user, cookies={})
    assert (await socket.connect())[0]
    return socket


async def grant(workspace: Workspace) -> None:
    await database_sync_to_async(credits_grant)(
        workspace_id=workspace.id, amount=10_000_000, reason="Gift", source="test", source_id=str(uuid7())
    )


async def test_the_balance_comes_at_once_and_after_every_change(alice: User, workspace: Workspace) -> None:
    socket = await connected(alice, workspace.slug)
    first = str(await socket.receive_from(timeout=TIMEOUT_S))
    assert first.startswith('<div id="balance" hx-swap-oob="true"')
    assert "0 credits" in first
    await grant(workspace)
    assert "10 credits" in await socket.receive_from(timeout=TIMEOUT_S)
    await socket.disconnect()


async def test_many_changes_are_few_messages(alice: User, workspace: Workspace) -> None:
    socket = await connected(alice, workspace.slug)
    begun = time.monotonic()
    messages = [await socket.receive_from(timeout=TIMEOUT_S)]
    for _ in range(20):
        await grant(workspace)
    while "200 credits" not in messages[-1]:
        messages.append(await socket.receive_from(timeout=TIMEOUT_S))
    # At most two a second: on an idle machine four.
    assert len(messages) <= 2 + (time.monotonic() - begun) / PAUSE_S
    await socket.disconnect()


@pytest.mark.parametrize("who", ["nobody", "stranger", "member of nothing there"])
async def test_strangers_are_let_go(who: str, charlie: User, workspace: Workspace) -> None:
    user: Any = AnonymousUser()
    slug = workspace.slug
    if who != "nobody":
        user = charlie
        slug = workspace.slug if who == "stranger" else "no-such-workspace"
    socket = await connected(user, slug)
    assert await socket.receive_output() == {"type": "websocket.close", "code": NOT_FOUND}


async def test_who_is_removed_sees_no_more(alice: User, workspace: Workspace) -> None:
    socket = await connected(alice, workspace.slug)
    await socket.receive_from(timeout=TIMEOUT_S)
    await database_sync_to_async(Membership.objects.filter(user=alice).delete)()
    await grant(workspace)
    assert (await socket.receive_output(timeout=TIMEOUT_S))["type"] == "websocket.close"
