"""How lists of assets are narrowed, the same for the API and the gallery."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper
from django.http import QueryDict

from apps.assets.models import Asset, AssetState, Kind, Source, asset_rows
from apps.assets.palette import colour_parse, colours_near


def assets_filtered(
    workspace_id: UUID,
    *,
    kind: str = "",
    source: str = "",
    project: UUID | None = None,
    published: bool | None = None,
    q: str = "",
    colour: str = "",
    trashed: bool = False,
    state: str = AssetState.READY,
) -> QuerySet[Asset]:
    """Assets of a workspace that match; empty values do not narrow."""
    exact: dict[str, Any] = {"kind": kind, "source": source, "project_id": project, "state": state}
    rows = asset_rows(workspace_id).filter(trashed_at__isnull=not trashed)
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if published is not None:
        rows = rows.filter(published_at__isnull=not published)
    if colour:
        rows = rows.filter(blob__colours__overlap=colours_near(colour))
    for word in q.replace("\0", " ").split():
        rows = rows.filter(naming__contains=Upper(Value(word)))
    return rows


@dataclass(frozen=True)
class GalleryFilter:
    """What the gallery's filter bar says; anything else in the address is ignored."""

    kind: str = ""
    source: str = ""
    project: UUID | None = None
    published: bool = False
    q: str = ""
    colour: str = ""

    @classmethod
    def parse(cls, query: QueryDict) -> GalleryFilter:
        """From the page's address."""
        kind, source = query.get("kind", ""), query.get("source", "")
        try:
            project = UUID(str(query["project"])) if query.get("project") else None
        except ValueError:
            project = None
        return cls(
            kind=kind if kind in Kind.values else "",
            source=source if source in Source.values else "",
            project=project,
            published=query.get("published") == "1",
            q=query.get("q", "")[:200].strip(),
            colour=colour_parse(query.get("colour", "")) or "",
        )

    @property
    def narrows(self) -> bool:
        """Whether anything is filtered out."""
        return self != GalleryFilter()

    def narrowing(self) -> dict[str, Any]:
        """Arguments for :func:`assets_filtered`."""
        return {**asdict(self), "published": True if self.published else None}
