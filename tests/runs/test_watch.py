"""The event stream in the hands of one reader, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from apps.projects.models import Workflow
from apps.runs import watch
from apps.runs.driver import advance
from apps.workspaces.models import ApiToken, Workspace
from tests.runs.graphs import graph, node


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("revoked", [True, False])
def test_the_stream_ends_for_a_token_that_was_revoked(
    api: Callable[..., Client],
    make_workflow: Callable[[dict[str, Any]], Workflow],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    revoked: bool,
) -> None:
    monkeypatch.setattr(watch, "RECHECK_S", 0)
    settings.WATCH_INTERVAL_S = 0.05
    client = api()
    nodes = [node("n", "input.number", number=1), node("wait", "flow.wait", seconds=600)]
    workflow = make_workflow(graph(nodes, ("n", "number", "wait", "value")))
    run = client.post(f"/api/v1/workflows/{workflow.id}/runs", {}, content_type="application/json").json()["id"]
    advance(UUID(run))
    answer: Any = client.get(f"/api/v1/runs/{run}/events")
    if revoked:
        ApiToken.objects.for_workspace(workspace.id).update(revoked_at=timezone.now())
    assert async_to_sync(_read)(answer) is revoked


async def _read(answer: Any) -> bool:
    """Whether the stream ended by itself within a moment."""
    try:
        async with asyncio.timeout(1):
            async for _part in answer.streaming_content:
                pass
    except TimeoutError:
        return False
    return True
