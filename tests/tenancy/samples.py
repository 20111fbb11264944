"""Real things for the ids in paths, and bodies that are right, so that a refusal is about who asks and nothing else.

A sample makes its thing in ``place.workspace`` and answers the value for the path; ``place.made`` has those before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.workspaces.inviting import member_invite
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.services import token_issue
from tests.conftest import member_make


@dataclass
class Place:
    """A workspace, its owner, and what was made in it for this path so far."""

    workspace: Workspace
    owner: User
    made: dict[str, Any] = field(default_factory=dict)


def _user(place: Place) -> Any:
    return member_make(f"sample-{uuid4().hex[:6]}", place.workspace, Role.VIEWER).id


def _invitation(place: Place) -> Any:
    actor = Membership.objects.get(user=place.owner, workspace=place.workspace)
    email, project_id = f"{uuid4().hex[:6]}@example.org", place.made.get("project")
    with scope(place.workspace.id):
        return member_invite(actor=actor, email=email, role=Role.EDITOR, project_id=project_id).id


def _comment(place: Place) -> Any:
    from apps.projects.comments import comment_add

    return comment_add(workflow=place.made["the workflow"], author_id=place.owner.id, body="A remark").id


def _account(place: Place) -> Any:
    from apps.workspaces.service_accounts import service_account_create

    actor = Membership.objects.get(user=place.owner, workspace=place.workspace)
    return service_account_create(actor=actor, name="Sample", role=Role.EDITOR).id


def _token(place: Place) -> Any:
    return token_issue(
        workspace_id=place.workspace.id, created_by_id=place.owner.id, name="sample", scopes=["read"], days=7
    )[0].id


def _project(place: Place) -> Any:
    """A project, shared with every guest of the place."""
    from apps.projects.services import project_create
    from apps.projects.sharing import project_share

    project = project_create(workspace_id=place.workspace.id, name="Sample", actor_id=place.owner.id)
    for guest in Membership.objects.filter(workspace=place.workspace, role=Role.GUEST).select_related("user"):
        project_share(project=project, membership=guest, role=Role.GUEST)
    return project.id


def _workflow(place: Place) -> Any:
    from apps.projects.services import workflow_create

    project_id, actor_id = _project(place), place.owner.id
    place.made["the workflow"] = workflow_create(
        workspace_id=place.workspace.id, project_id=project_id, name="Sample", graph=GRAPH, actor_id=actor_id
    )
    return place.made["the workflow"].id


def _version(place: Place) -> Any:
    from apps.projects.versions import version_create

    return version_create(workflow=place.made["the workflow"], actor_id=place.owner.id).number


def _run(place: Place) -> Any:
    from apps.runs.services import run_start

    _workflow(place)
    return run_start(workflow=place.made["the workflow"], actor_id=place.owner.id).id


def _generation(place: Place) -> Any:
    from apps.billing.services import credits_grant
    from apps.generations.services import generation_start

    workspace_id = place.workspace.id
    credits_grant(workspace_id=workspace_id, amount=50_000_000, reason="sample", source="test", source_id=uuid4().hex)
    return generation_start(
        workspace_id=workspace_id,
        project_id=_project(place),
        model="sandbox/image",
        params={"prompt": "a mill"},
        inputs={},
        actor_id=place.owner.id,
    ).id


def _asset(place: Place) -> Any:
    from PIL import Image

    from apps.assets.services import asset_store

    with TemporaryDirectory() as folder:
        path = Path(folder) / "sample.png"
        Image.new("RGB", (8, 8), (secrets.randbelow(256), 90, 160)).save(path)
        workspace_id, owner_id = place.workspace.id, place.owner.id
        return asset_store(
            workspace_id=workspace_id,
            path=path,
            filename=path.name,
            source="upload",
            created_by_id=owner_id,
            project_id=_project(place),
        ).id


def _board(place: Place) -> Any:
    from apps.generations.boards import board_create

    name = f"Sample {uuid4().hex[:6]}"
    place.made["the board"] = board_create(workspace_id=place.workspace.id, name=name, actor_id=place.owner.id)
    return place.made["the board"].id


def _board_item(place: Place) -> Any:
    from apps.generations.boards import board_add

    return board_add(board=place.made["the board"], assets=[_asset(place)])[0].id


def _comparison(place: Place) -> Any:
    from apps.generations.models import Generation

    comparison_id = uuid4()
    rows = Generation.objects.for_workspace(place.workspace.id).filter(id=_generation(place))
    rows.update(comparison_id=comparison_id, differs={"seed": 1})
    return comparison_id


def _dataset(place: Place) -> Any:
    """A dataset whose version 1 holds one generation and is exported."""
    from django.utils import timezone

    from apps.datasets import services
    from apps.datasets.selection import Selection
    from apps.generations.execution.settlement import settle_without_charge
    from apps.generations.models import Generation, GenerationState
    from tests.datasets.frozen import frozen

    generation = Generation.objects.for_workspace(place.workspace.id).get(id=_generation(place))
    settle_without_charge(generation, GenerationState.FAILED, code="failed", now=timezone.now())
    ids: dict[str, Any] = {"workspace_id": place.workspace.id, "actor_id": place.owner.id}
    services.generation_consent_set(generation_id=generation.id, allowed=True, **ids)
    dataset = services.dataset_create(name="Sample", **ids)
    version = services.version_freeze(dataset_id=dataset.id, selection=Selection(states=("failed",)), **ids)
    place.made["the frozen"] = frozen(version)
    return dataset.id


def _export(place: Place) -> Any:
    from apps.datasets.services import export_start

    _dataset(place)
    return export_start(workspace_id=place.workspace.id, version=place.made["the frozen"], kind="jsonl").id


def _budget(place: Place) -> Any:
    from apps.billing.budgets import budget_create

    values: dict[str, Any] = {"scope": "workspace", "target_id": None, "period": "total", "limit": 10**12}
    return budget_create(workspace_id=place.workspace.id, **values).id


GRAPH: dict[str, Any] = {
    "format": "millrace/1",
    "nodes": [
        {
            "id": "n1",
            "type": "input.text",
            "version": 1,
            "title": "",
            "params": {"text": "x"},
            "position": {"x": 0, "y": 0},
        }
    ],
    "edges": [],
    "variables": {},
}


# By the name of the argument. One that has no sample fails the matrix.
def _purchase(place: Place) -> Any:
    from apps.billing.models import Purchase

    return (
        Purchase.objects.for_workspace(place.workspace.id)
        .create(
            workspace=place.workspace, kind="pack", description="Sample", credits=1, amount=1, currency="usd",
            livemode=False, state="failed",
        )
        .id
    )  # fmt: skip


SAMPLES: dict[str, Callable[[Place], Any]] = {
    "user": _user,
    "member_id": _user,
    "invitation": _invitation,
    "token": _token,
    "comment": _comment,
    "account": _account,
    "project_id": _project,
    "project": _project,
    "workflow_id": _workflow,
    "workflow": _workflow,
    "number": _version,
    "run_id": _run,
    "run": _run,
    "node": lambda place: "n1",
    "item": lambda place: 0,
    "variant": lambda place: 0,
    "generation_id": _generation,
    "generation": _generation,
    "comparison_id": _comparison,
    "asset_id": _asset,
    "asset": _asset,
    "board_id": _board,
    "item_id": _board_item,
    "dataset_id": _dataset,
    "version": lambda place: 1,
    "export_id": _export,
    "budget_id": _budget,
    "budget": _budget,
    "index": lambda place: 0,
    "side": lambda place: 512,
    "starter": lambda place: "postcard",
    "purchase": _purchase,
    "purchase_id": _purchase,
    "provider": lambda place: "openai",
    "name": lambda place: "openai",
}

# By the line's method and path. Operations without one get {}.
BODIES: dict[str, Any] = {
    "PUT /providers/{name}/key": {"key": "sk-a-sample-of-a-key"},
    "POST w/<slug:workspace>/settings/providers/<slug:provider>/key/": {"key": "sk-a-sample-of-a-key"},
    "POST /credits/purchases": {"pack": "small"},
    "PATCH /members/{member_id}": {"role": "editor"},
    "POST /invitations": {"email": "sample@example.org", "role": "editor"},
    "POST /service-accounts": {"name": "A", "role": "editor"},
    "POST /service-accounts/{account}/tokens": {"name": "A", "scopes": ["read"]},
    "POST /workflows/{workflow_id}/comments": {"body": "A"},
    "PATCH /workflows/{workflow_id}/comments/{comment}": {"resolved": True},
    "PUT /projects/{project_id}/members/{member_id}": {"role": "viewer"},
    "PUT /projects/{project_id}/privacy": {"private": True},
    "POST /projects": {"name": "A"},
    "POST /budgets": {"scope": "workspace", "period": "month", "limit": 1000000},
    "PATCH /projects/{project_id}": {"name": "A"},
    "POST /projects/{project_id}/workflows": {"name": "A"},
    "PATCH /workflows/{workflow_id}": {"name": "A"},
    "PUT /workflows/{workflow_id}/graph": {"base_seq": 1, "graph": GRAPH},
    "POST /workflows/{workflow_id}/ops": {"client_id": "c", "ops": []},
    "POST /generations": {"model": "sandbox/image", "params": {"prompt": "a mill"}},
    "PUT /generations/{generation_id}/consent": {"consent": True},
    "POST /datasets": {"name": "A"},
    "POST /datasets/{dataset_id}/versions": {"filter": {"states": ["failed"]}},
    "POST /datasets/{dataset_id}/versions/{version}/exports": {"format": "parquet"},
    "POST /assets/uploads": {"filename": "a.png", "size": 10, "content_type": "image/png"},
    "PATCH /assets/{asset_id}": {"title": "A"},
    "PATCH /generations/{generation_id}": {"rating": 3},
    "POST /boards": {"name": "A"},
    "PATCH /boards/{board_id}": {"name": "B"},
    "POST /runs/{run_id}/steps/{node}/{item}/answer": {"decision": "approve"},
}

# 404 for those who may ask, too: a step that wrote no log or asks for nothing, a vendor without a key, a list
# without the project it is of.
ABSENT_FOR_ALL = frozenset(
    {
        "GET /runs/{run_id}/steps/{node}/{item}/logs",
        "POST /runs/{run_id}/steps/{node}/{item}/answer",
        "GET w/<slug:workspace>/runs/last/",
        # What is to be put on a board, they ask for.
        "GET w/<slug:workspace>/boards/choice/",
        "POST w/<slug:workspace>/boards/choice/",
        "GET w/<slug:workspace>/runs/<uuid:run_id>/callback/<str:node>/<int:item>/",
        "GET w/<slug:workspace>/approvals/<uuid:run_id>/<str:node>/<int:item>/",
        "POST w/<slug:workspace>/approvals/<uuid:run_id>/<str:node>/<int:item>/answer/",
        "POST w/<slug:workspace>/approvals/<uuid:run_id>/<str:node>/<int:item>/remind/",
        "POST /runs/{run_id}/steps/{node}/{item}/remind",
        # The sample's run compares nothing.
        "POST /runs/{run_id}/variants/{node}/{variant}/vote",
        "POST /runs/{run_id}/variants/{node}/{variant}/choose",
        "GET w/<slug:workspace>/runs/<uuid:run_id>/compare/<str:node>/",
        "POST w/<slug:workspace>/runs/<uuid:run_id>/compare/<str:node>/<int:item>/vote/",
        "POST w/<slug:workspace>/runs/<uuid:run_id>/compare/<str:node>/<int:item>/choose/",
        "DELETE /providers/{name}/key",
    }
)
# Where more is needed than the scope: the thing is somebody else's, or it is about who sees a project.
LEAST: dict[str, Role] = {
    "PATCH /workflows/{workflow_id}/comments/{comment}": Role.EDITOR,
    "DELETE /workflows/{workflow_id}/comments/{comment}": Role.ADMIN,
    "PUT /projects/{project_id}/members/{member_id}": Role.ADMIN,
    "DELETE /projects/{project_id}/members/{member_id}": Role.ADMIN,
    "PUT /projects/{project_id}/privacy": Role.ADMIN,
}
# Arguments that are no ids: nothing foreign can be named by them.
NO_IDS = frozenset({"starter", "provider", "name"})
