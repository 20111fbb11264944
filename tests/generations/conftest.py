from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.billing.services import balance_get, credits_grant
from apps.generations.execution.collection import collect
from apps.generations.execution.following import Next
from apps.generations.execution.polling import poll_due
from apps.generations.execution.submission import submit
from apps.generations.models import Generation
from apps.generations.services import generation_start
from apps.providers import registry
from apps.workspaces.models import TokenScope, Workspace
from tests.generations.vendor import Vendor, VendorAdapter

GRANTED = 1_000_000_000
PRICE_HIGH = 4_000_000


@pytest.fixture
def api(token_for: Callable[..., str]) -> Callable[..., Client]:
    """A client with a bearer token of a person in a workspace."""

    def make(person: User, workspace: Workspace, *scopes: str) -> Client:
        secret = token_for(person, workspace, scopes=list(scopes or TokenScope.values))
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """The test's own vendor behind the name of the sandbox."""
    vendor = Vendor()
    adapter = VendorAdapter(vendor.url)
    monkeypatch.setitem(registry._makers, "sandbox", lambda _account: adapter)
    monkeypatch.setattr(registry, "_providers", {})
    yield vendor
    vendor.stop()


@pytest.fixture
def rich(workspace: Workspace) -> Workspace:
    """A workspace with 1,000 credits."""
    credits_grant(workspace_id=workspace.id, amount=GRANTED, reason="Test", source="test", source_id=str(workspace.id))
    return workspace


@pytest.fixture
def start(rich: Workspace) -> Callable[..., Generation]:
    """Start an image."""

    def make(**more: Any) -> Generation:
        call: dict[str, Any] = {
            "workspace_id": rich.id,
            "project_id": None,
            "model": "sandbox/image",
            "params": {"prompt": "a lighthouse", "seed": 7},
        }
        return generation_start(**{**call, **more})

    return make


def send(row: Generation) -> Generation:
    """What the submit task does."""
    submit(workspace_id=row.workspace_id, generation_id=row.id)
    row.refresh_from_db()
    return row


def look(row: Generation) -> Generation:
    """What the tick does once the row is due, and the copy that follows a success."""
    for following in tick(row):
        if following.act == "collect":
            collect(workspace_id=following.workspace_id, generation_id=following.generation_id)
    row.refresh_from_db()
    return row


def tick(row: Generation) -> list[Next]:
    """The tick alone, with this row due."""
    long_ago = timezone.now() - timedelta(minutes=1)
    Generation.objects.for_workspace(row.workspace_id).filter(id=row.id).update(poll_after=long_ago, polled_at=long_ago)
    return list(poll_due())


def money(workspace: Workspace) -> tuple[int, int]:
    """(spent, held) in micro-credits."""
    balance = balance_get(workspace_id=workspace.id)
    return GRANTED - balance.posted, balance.held
