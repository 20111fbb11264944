"""A workspace with credits and a way to make workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from tests.runs.asking import Started, approval, start

GRANTED = 100_000_000


@pytest.fixture
def funded(workspace: Workspace) -> Workspace:
    """The workspace with 100 credits."""
    credits_grant(workspace_id=workspace.id, amount=GRANTED, reason="test", source="test", source_id=str(workspace.id))
    return workspace


@pytest.fixture
def make_workflow(workspace: Workspace, alice: User) -> Callable[[dict[str, Any]], Workflow]:
    """``make_workflow(graph)``: a workflow of Alice's."""

    def make(graph: dict[str, Any]) -> Workflow:
        with scope(workspace.id):
            project = project_create(workspace_id=workspace.id, name="Test", actor_id=alice.id)
            return workflow_create(
                workspace_id=workspace.id, project_id=project.id, name="Flow", graph=graph, actor_id=alice.id
            )

    return make


@pytest.fixture
def inside(workspace: Workspace) -> Iterator[None]:
    """The tenant scope of the workspace, for the whole test."""
    with scope(workspace.id):
        yield


@pytest.fixture
def alice_api(api: Callable[..., Client], funded: Workspace) -> Client:
    """A token of Alice's with every scope, and 100 credits to spend."""
    return api()


@pytest.fixture
def started(make_workflow: Callable[[dict[str, Any]], Workflow], workspace: Workspace) -> Started:
    """``started(**params)``: a run that asks for an approval."""

    def make(**params: Any) -> Run:
        workflow = make_workflow(approval(**params))
        with scope(workspace.id):
            return start(workflow)

    return make


@pytest.fixture
def see(workspace: Workspace) -> Callable[..., Any]:
    """``see(step, run)``: look inside the workspace."""

    def look(what: Callable[..., Any], *arguments: Any) -> Any:
        with scope(workspace.id):
            return what(*arguments)

    return look
