"""Staff, and switches that are as they were after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from apps.accounts.models import User
from apps.console import banners
from apps.workspaces import switches
from apps.workspaces.audit_entries import AuditEntry
from apps.workspaces.models import Workspace
from tests.conftest import client_of


@pytest.fixture
def root(db: None) -> User:
    """Staff with every permission."""
    return User.objects.create_superuser("root@example.org", name="Root")


@pytest.fixture
def root_client(root: User) -> Client:
    return client_of(root)


@pytest.fixture
def helper_client(db: None) -> Client:
    """Staff without any permission."""
    return client_of(User.objects.create_user("helper@example.org", is_staff=True))


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    """What a test says of switches and announcements is rolled back, so processes must not remember it."""
    yield
    switches._rows.clear()
    banners._rows.clear()


@pytest.fixture
def acts(root: User) -> Callable[[], list[str]]:
    """What staff did, in words, as the console's own history keeps it."""

    def read() -> list[str]:
        return list(LogEntry.objects.order_by("action_time", "id").values_list("change_message", flat=True))

    return read


@pytest.fixture
def audited(workspace: Workspace) -> Callable[[], list[tuple[str, str, str]]]:
    """What the workspace's own log tells: the act, who did it, and why."""

    def read() -> list[tuple[str, str, str]]:
        rows = AuditEntry.objects.for_workspace(workspace.id).order_by("created_at", "id")
        return [(row.action, row.actor.get("email", ""), row.after.get("reason", "")) for row in rows]

    return read
