"""The cast of this app's tests, until the one for all tests has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace


def _person(name: str, workspace: Workspace, role: Role) -> User:
    user = User.objects.create_user(f"{name}@example.org", "correct horse battery", name=name.title())
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="mill", name="Mill")


@pytest.fixture
def foreign_workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


@pytest.fixture
def alice(workspace: Workspace) -> User:
    return _person("alice", workspace, Role.OWNER)


@pytest.fixture
def bob(workspace: Workspace) -> User:
    return _person("bob", workspace, Role.EDITOR)


@pytest.fixture
def victor(workspace: Workspace) -> User:
    return _person("victor", workspace, Role.VIEWER)


@pytest.fixture
def charlie(foreign_workspace: Workspace) -> User:
    return _person("charlie", foreign_workspace, Role.OWNER)


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice: User) -> Client:
    return _client(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return _client(bob)


@pytest.fixture
def victor_client(victor: User) -> Client:
    return _client(victor)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return _client(charlie)


@pytest.fixture
def token_for() -> Callable[..., str]:
    def make(user: User, workspace: Workspace, *, scopes: list[str] | None = None, days: int = 1) -> str:
        secret = f"mr_{user.pk.hex}{days}"
        ApiToken.objects.for_workspace(workspace.id).create(
            workspace=workspace,
            name="test",
            created_by=user,
            digest=ApiToken.digest_of(secret),
            hint="test",
            scopes=TokenScope.values if scopes is None else scopes,
            expires_at=timezone.now() + timedelta(days=days),
        )
        return secret

    return make
