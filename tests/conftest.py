"""The cast of all tests: Alice owns a workspace, Ada administers, Bob edits, Victor looks on, Gwen is a guest of it.

Charlie has another.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace

PASSWORD = "correct horse battery"


def pytest_configure() -> None:
    """Without a build of the front end pages point to Vite's server: good enough for tests of what they say."""
    # Slow hashing is the point of the real one; every test of the cast would pay for it.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    manifest = Path(str(settings.DJANGO_VITE["default"]["manifest_path"]))
    if not manifest.exists():
        settings.DJANGO_VITE["default"]["dev_mode"] = True


def person_make(name: str) -> User:
    """A person with a confirmed address and a usable password."""
    user = User.objects.create_user(f"{name.lower()}@example.org", PASSWORD, name=name.title())
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def member_make(name: str, workspace: Workspace, role: Role) -> User:
    """A person who is in ``workspace``."""
    user = person_make(name)
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def client_of(user: User) -> Client:
    """A browser that is signed in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


# A busy machine is no fault of the code under test: timing goals live in the benchmarks.
hypothesis.settings.register_profile("calm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("calm")


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has used up anything yet: all tests come from one address."""
    monkeypatch.setattr(settings, "LIMITS_PREFIX", f"test:{uuid4()}")


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="mill", name="Mill")


@pytest.fixture
def foreign_workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


@pytest.fixture
def alice(workspace: Workspace) -> User:
    return member_make("alice", workspace, Role.OWNER)


@pytest.fixture
def ada(workspace: Workspace) -> User:
    return member_make("ada", workspace, Role.ADMIN)


@pytest.fixture
def bob(workspace: Workspace) -> User:
    return member_make("bob", workspace, Role.EDITOR)


@pytest.fixture
def victor(workspace: Workspace) -> User:
    return member_make("victor", workspace, Role.VIEWER)


@pytest.fixture
def gwen(workspace: Workspace) -> User:
    return member_make("gwen", workspace, Role.GUEST)


@pytest.fixture
def charlie(foreign_workspace: Workspace) -> User:
    return member_make("charlie", foreign_workspace, Role.OWNER)


@pytest.fixture
def alice_client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def ada_client(ada: User) -> Client:
    return client_of(ada)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return client_of(bob)


@pytest.fixture
def victor_client(victor: User) -> Client:
    return client_of(victor)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return client_of(charlie)


@pytest.fixture
def token_for(db: None) -> Callable[..., str]:
    """``token_for(user, workspace, scopes=[…], days=…)``: the secret of a token; negative days have passed."""

    def make(user: User, workspace: Workspace, *, scopes: list[str] | None = None, days: int = 1) -> str:
        count = ApiToken.objects.for_workspace(workspace.id).count()
        secret = f"mr_{user.pk.hex}{workspace.pk.hex}{count}"
        ApiToken.objects.for_workspace(workspace.id).create(
            workspace=workspace,
            name="test",
            created_by=user,
            digest=ApiToken.digest_of(secret),
            hint=secret[:9],
            scopes=TokenScope.values if scopes is None else scopes,
            expires_at=timezone.now() + timedelta(days=days),
        )
        return secret

    return make


@pytest.fixture
def api(token_for: Callable[..., str], alice: User, workspace: Workspace) -> Callable[..., Client]:
    """``api()`` is a client with a token of Alice's with every scope; ``api(token)`` uses the one given."""

    def make(token: str | None = None, **headers: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {token or token_for(alice, workspace)}", **headers})

    return make
