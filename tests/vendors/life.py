"""The life of one paid call in one process, with the clock in the test's hands: each act as a worker does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from apps.generations.execution.cancellation import send_cancel
from apps.generations.execution.collection import collect
from apps.generations.execution.following import Next
from apps.generations.execution.polling import poll_due
from apps.generations.execution.submission import submit
from apps.generations.execution.sweeping import sweep
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_start
from apps.workspaces.models import Workspace
from tests.vendors.server import ContractServer

TURNS = 40
# So much of the clock passes between two turns.
TURN = timedelta(seconds=31)


@contextmanager
def account(server: ContractServer, **told: str) -> Iterator[None]:
    """The platform has an account with this vendor, at the address of the test's server."""
    before = settings.PROVIDERS
    settings.PROVIDERS = {**before, server.name: {"key": "test-key", "base_url": server.url, **told}}
    try:
        yield
    finally:
        settings.PROVIDERS = before


def begin(
    workspace: Workspace, model: str, params: Mapping[str, Any], inputs: Mapping[str, Any] | None = None, **more: Any
) -> Generation:
    """A prepared call."""
    return generation_start(
        workspace_id=workspace.id, project_id=None, model=model, params=params, inputs=inputs, **more
    )


def live(
    row: Generation, monkeypatch: pytest.MonkeyPatch, *, between: Callable[[Generation, int], None] = lambda *_: None
) -> Generation:
    """Let it live to its end, however it ends; ``between`` is called before each turn with the turn's number."""
    now = timezone.now()
    for turn in range(TURNS):
        between(row, turn)
        for act in _acts(row, now, monkeypatch):
            _do(act)
        row.refresh_from_db()
        if not row.is_live:
            return row
        # A busy vendor is asked again when it is time, not before.
        now = max(now + TURN, row.poll_after) if row.state == GenerationState.PREPARED else now + TURN
    raise AssertionError(f"{row} is still {row.state} after {TURNS} turns")


def _acts(row: Generation, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Next]:
    monkeypatch.setattr(timezone, "now", lambda: now)
    ids = (row.workspace_id, row.id)
    yield Next("submit", *ids)
    yield Next("cancel", *ids)
    yield from poll_due(lambda: now)
    yield Next("collect", *ids)
    yield from sweep(now)


def _do(act: Next) -> None:
    ids = {"workspace_id": act.workspace_id, "generation_id": act.generation_id}
    if act.act == "submit":
        submit(**ids)
    elif act.act == "collect":
        collect(**ids)
    elif act.act == "cancel" and Generation.objects.for_workspace(act.workspace_id).filter(
        id=act.generation_id, cancel_requested_at__isnull=False
    ):
        send_cancel(**ids)
