"""What the detail of a generation or an asset shows beside it: its lineage, and the tags to choose from."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from apps.common.tenancy import scope
from apps.generations.fragments import card, with_outputs
from apps.generations.lineage import Key, lineage_of
from apps.generations.lineage_picture import Picture, lineage_picture
from apps.generations.models import Generation
from apps.workspaces.models import Workspace

TAGS_SUGGESTED = 40
# The newest generations with tags say which ones are in use.
_TAGS = """
SELECT tag FROM (
    SELECT tags FROM generations_generation WHERE workspace_id = %s AND tags <> '{}'
    ORDER BY created_at DESC LIMIT 500
) AS recent, unnest(tags) AS tag GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s
"""


def lineage_shown(workspace: Workspace, centre: Key) -> Picture | None:
    """The drawing around a thing; None when it stands alone."""
    found = lineage_of(workspace.id, centre)
    if found.alone:
        return None
    rows = with_outputs(Generation.objects.for_workspace(workspace.id), workspace.id).filter(id__in=found.generations)
    return lineage_picture(found, {row.id: card(row) for row in rows}, workspace.slug)


def tags_suggested(workspace_id: UUID) -> list[str]:
    """The tags used most of late."""
    with scope(workspace_id), connection.cursor() as cursor:
        cursor.execute(_TAGS, [workspace_id, TAGS_SUGGESTED])
        return [tag for (tag,) in cursor.fetchall()]
