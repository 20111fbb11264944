"""What an asset looks like to others: one shape for the API, and the same facts for pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from apps.assets.models import Asset
from apps.assets.refusals import refusal_sentence
from apps.assets.services import asset_url, preview_url
from apps.assets.usage import usages_of


class RefusalOut(Schema):
    """Why the bytes were not taken."""

    code: str
    detail: str


class UsageOut(Schema):
    """One place that uses an asset."""

    kind: str
    id: str
    title: str
    url: str


class AssetOut(Schema):
    """An asset. ``url``, ``thumbnail`` and ``preview`` expire after an hour; they are null before there are bytes."""

    id: UUID
    state: str
    kind: str
    filename: str
    title: str
    content_type: str
    size: int
    sha256: str | None
    meta: dict[str, Any]
    url: str | None
    thumbnail: str | None
    preview: str | None
    preview_state: str | None
    source: str
    project: UUID | None
    created_by: UUID | None
    created_at: datetime
    published_at: datetime | None
    trashed_at: datetime | None
    refusal: RefusalOut | None
    used_in: list[UsageOut]


class AssetPage(Schema):
    """One page of assets and the cursor of the next."""

    items: list[AssetOut]
    next: str | None


def asset_documents(workspace_id: UUID, assets: Sequence[Asset]) -> list[dict[str, Any]]:
    """The API's JSON of each asset; where they are used is asked once for all of them."""
    usages = usages_of(workspace_id, [asset.id for asset in assets])
    return [{**_document(asset), "used_in": usages[asset.id]} for asset in assets]


def _document(asset: Asset) -> dict[str, Any]:
    blob = asset.blob
    plain = ("id", "state", "kind", "filename", "title", "content_type", "size", "source")
    return {
        **{name: getattr(asset, name) for name in plain},
        "sha256": blob.sha256 if blob else None,
        "meta": asset.measured,
        "url": asset_url(asset) if blob else None,
        "thumbnail": preview_url(asset, 512),
        "preview": preview_url(asset, 1600),
        "preview_state": blob.preview_state if blob else None,
        "project": asset.project_id,
        "created_by": asset.created_by_id,
        "created_at": asset.created_at,
        "published_at": asset.published_at,
        "trashed_at": asset.trashed_at,
        "refusal": _refusal(asset),
    }


def _refusal(asset: Asset) -> dict[str, str] | None:
    if not asset.refusal:
        return None
    return {"code": asset.refusal["code"], "detail": refusal_sentence(asset.refusal)}
