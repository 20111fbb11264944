from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace


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


def _person(name: str, workspace: Workspace, role: Role) -> User:
    user = User.objects.create_user(f"{name}@example.org", name=name.title())
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def workspace(db: None) -> Workspace:
    """Where alice is the owner and victor a viewer."""
    return Workspace.objects.create(slug="mill", name="Mill")


@pytest.fixture
def foreign_workspace(db: None) -> Workspace:
    """Where charlie is the owner."""
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


@pytest.fixture
def alice(workspace: Workspace) -> User:
    return _person("alice", workspace, Role.OWNER)


@pytest.fixture
def alice_client(alice: User) -> Client:
    return _client(alice)


@pytest.fixture
def victor_client(workspace: Workspace) -> Client:
    return _client(_person("victor", workspace, Role.VIEWER))


@pytest.fixture
def charlie(foreign_workspace: Workspace) -> User:
    return _person("charlie", foreign_workspace, Role.OWNER)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return _client(charlie)


@pytest.fixture
def root_client(db: None) -> Client:
    """Staff with every permission."""
    return _client(User.objects.create_superuser("root@example.org"))


@pytest.fixture
def api(alice: User, workspace: Workspace) -> Client:
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
