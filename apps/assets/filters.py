"""How lists of assets are narrowed, the same for the API and the gallery."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.assets.models import Asset, AssetState, asset_rows


def assets_filtered(
    workspace_id: UUID,
    *,
    kind: str = "",
    source: str = "",
    project: UUID | None = None,
    published: bool | None = None,
    q: str = "",
    trashed: bool = False,
    state: str = AssetState.READY,
) -> QuerySet[Asset]:
    """Assets of a workspace that match; empty values do not narrow."""
    exact: dict[str, Any] = {"kind": kind, "source": source, "project_id": project, "state": state}
    rows = asset_rows(workspace_id).filter(trashed_at__isnull=not trashed)
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if published is not None:
        rows = rows.filter(published_at__isnull=not published)
    for word in q.split():
        rows = rows.filter(Q(filename__icontains=word) | Q(title__icontains=word))
    return rows
