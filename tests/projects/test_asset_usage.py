"""An asset knows which workflows use it, in the snapshot and in the log after it."""

from __future__ import annotations

from uuid import uuid4

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.asset_usage import project_exists, workflows_using
from apps.projects.services import operations_apply, project_create, workflow_create, workflow_trash
from apps.workspaces.models import Workspace
from tests.projects.graphs import graph, node


def test_uses_come_and_go(workspace: Workspace, foreign_workspace: Workspace, alice: User) -> None:
    first, second = uuid4(), uuid4()
    with scope(workspace.id):
        project = project_create(workspace_id=workspace.id, name="P", actor_id=alice.id)
        workflow = workflow_create(
            workspace_id=workspace.id,
            project_id=project.id,
            name="Flow",
            graph=graph(node("a", "input.asset", params={"asset": str(first)}), node("b", "input.asset")),
            actor_id=alice.id,
        )
        change = {"client_seq": 1, "op": "set", "id": "b", "path": ["params", "asset"], "value": str(second)}
        operations_apply(workflow=workflow, actor_id=alice.id, client_id="c", ops=[change])
        found = workflows_using(workspace.id, [first, second])
        assert {asset: [usage["title"] for usage in uses] for asset, uses in found.items()} == {
            first: ["Flow"],
            second: ["Flow"],
        }
        assert found[first][0]["url"].endswith(f"/workflows/{workflow.id}/")
        assert workflows_using(foreign_workspace.id, [first, second]) == {}
        workflow_trash(workflow=workflow)
        assert workflows_using(workspace.id, [first]) == {}
        assert project_exists(workspace.id, project.id)
        assert not project_exists(foreign_workspace.id, project.id)
