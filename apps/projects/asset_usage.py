"""What projects know of assets: which workflows use one, and whether a project exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.urls import reverse

from apps.assets.models import Asset
from apps.assets.usage import Usage
from apps.projects.models import Project, Workflow

# A node's `asset` parameter in the snapshot, or set since then; whether it is still so is for the page to show.
_USES = """
WITH live AS (
    SELECT flow.id, flow.name, flow.snapshot, flow.snapshot_seq, space.slug
    FROM projects_workflow AS flow
    JOIN projects_project AS project ON project.id = flow.project_id AND project.trashed_at IS NULL
    JOIN workspaces_workspace AS space ON space.id = flow.workspace_id
    WHERE flow.workspace_id = %(workspace)s AND flow.trashed_at IS NULL
), used AS (
    SELECT live.id, live.name, live.slug, asset #>> '{}' AS asset
    FROM live, jsonb_path_query(live.snapshot, '$.nodes[*].params.asset') AS asset
    UNION
    SELECT live.id, live.name, live.slug, COALESCE(log.op ->> 'value', log.op #>> '{node,params,asset}')
    FROM live JOIN projects_operation AS log ON log.workflow_id = live.id AND log.seq > live.snapshot_seq
    WHERE log.op @> '{"op": "set", "path": ["params", "asset"]}' OR log.op #> '{node,params,asset}' IS NOT NULL
)
SELECT asset, id, name, slug FROM used WHERE asset = ANY(%(assets)s) ORDER BY name
"""


def workflows_using(workspace_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, list[Usage]]:
    """The workflows of a workspace that use each asset, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_USES, {"workspace": workspace_id, "assets": [str(asset_id) for asset_id in asset_ids]})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    seen = set(
        Workflow.objects.for_workspace(workspace_id)
        .filter(id__in=[row[1] for row in rows])
        .values_list("id", flat=True)
    )
    rows = [row for row in rows if row[1] in seen]
    found: dict[UUID, list[Usage]] = {}
    for asset, workflow, name, slug in rows:
        url = reverse("projects:workflow_detail", args=[slug, workflow])
        found.setdefault(UUID(asset), []).append(Usage(kind="workflow", id=str(workflow), title=name, url=url))
    return found


def project_exists(workspace_id: UUID, project_id: UUID) -> bool:
    """Whether the workspace has this project."""
    return Project.objects.for_workspace(workspace_id).filter(id=project_id).exists()


def project_of_asset(asset_id: UUID) -> UUID | None:
    """The project of an asset that the reader in scope sees."""
    found: UUID | None = Asset.objects.filter(id=asset_id).values_list("project_id", flat=True).first()
    return found
