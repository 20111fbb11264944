"""A workflow with two nodes, and browsers that are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext

from apps.accounts.models import User
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.workspaces.models import Workspace
from tests.conftest import client_of
from tests.live_stack import LiveStack

OpenBrowser = Callable[[User], BrowserContext]
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "words", "type": "input.text", "params": {"text": "sea"}, "position": {"x": 0, "y": 0}},
        {"id": "frame", "type": "flow.template", "params": {}, "position": {"x": 336, "y": 0}},
    ],
    "edges": [{"id": "e", "source": "words", "source_port": "text", "target": "frame", "target_port": "values"}],
}


@pytest.fixture
def workflow(live_stack: LiveStack, workspace: Workspace, alice: User) -> Workflow:
    project = project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    return workflow_create(
        workspace_id=workspace.id, project_id=project.id, name="River", graph=GRAPH, actor_id=alice.id
    )


@pytest.fixture
def open_browser(chromium: Browser, live_stack: LiveStack) -> Iterator[OpenBrowser]:
    """``open_browser(user)``: a browser profile of its own that is signed in. Failed scripts fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make(user: User) -> BrowserContext:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(15_000)
        session = client_of(user).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_stack.base_url}])
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert not errors, f"Scripts on the page failed: {errors}"
