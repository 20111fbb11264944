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
from tests.live_stack import LiveStack
from tests.runs.asking import Started, approval, start
from tests.runs.comparing import compare as compare
from tests.runs.comparing import finish as finish
from tests.runs.comparing import vendors as vendors
from tests.runs.graphs import graph, node
from tests.runs.live import ENDED, Api
from tests.runs.nesting import given, gives, publish, shout

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


@pytest.fixture
def shouting(make_workflow: Callable[[dict[str, Any]], Workflow]) -> Workflow:
    workflow = make_workflow(shout())
    publish(workflow)
    return workflow


@pytest.fixture
def painter(make_workflow: Callable[[dict[str, Any]], Workflow]) -> Workflow:
    """Takes a text, gives a picture of it, for money."""
    own = {"model": "sandbox/image", "width": 256, "height": 256, "seed": 1}
    nodes = [given(), node("img", "image.generate", **own), gives("image")]
    workflow = make_workflow(
        graph(nodes, ("in-text", "value", "img", "prompt"), ("img", "image", "out-image", "value"))
    )
    publish(workflow)
    return workflow


@pytest.fixture
def site(live_stack: LiveStack, funded: Workspace, alice: User, token_for: Callable[..., str]) -> Iterator[Api]:
    """The API with a token of Alice's, whose workspace has 100 credits."""
    api = Api(live_stack.base_url, token_for(alice, funded))
    yield api
    # A run that a failed test left behind would write while the tables are truncated.
    for run in Run.objects.for_workspace(funded.id).exclude(state__in=ENDED):
        api.cancel(str(run.id))
        api.end(str(run.id))
    api.http.close()
