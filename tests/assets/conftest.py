from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace


def _person(name: str, workspace: Workspace, role: Role) -> User:
    person = User.objects.create_user(f"{name}@example.org", name=name.title())
    Membership.objects.create(workspace=workspace, user=person, role=role)
    return person


def _token(person: User, workspace: Workspace) -> Client:
    secret = f"mr_{person.name}"
    with scope(workspace.id):
        ApiToken.objects.create(
            workspace=workspace,
            name="test",
            created_by=person,
            digest=ApiToken.digest_of(secret),
            scopes=TokenScope.values,
            expires_at=timezone.now() + timedelta(hours=1),
        )
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="studio", name="Studio")


@pytest.fixture
def foreign_workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


@pytest.fixture
def alice(workspace: Workspace) -> User:
    return _person("alice", workspace, Role.OWNER)


@pytest.fixture
def victor(workspace: Workspace) -> User:
    return _person("victor", workspace, Role.VIEWER)


@pytest.fixture
def charlie(foreign_workspace: Workspace) -> User:
    return _person("charlie", foreign_workspace, Role.OWNER)


@pytest.fixture
def alice_api(alice: User, workspace: Workspace) -> Client:
    return _token(alice, workspace)


@pytest.fixture
def victor_api(victor: User, workspace: Workspace) -> Client:
    return _token(victor, workspace)


@pytest.fixture
def charlie_api(charlie: User, foreign_workspace: Workspace) -> Client:
    return _token(charlie, foreign_workspace)


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def alice_client(alice: User) -> Client:
    return _signed_in(alice)


@pytest.fixture
def victor_client(victor: User) -> Client:
    return _signed_in(victor)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return _signed_in(charlie)
