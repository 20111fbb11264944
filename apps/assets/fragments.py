"""What pages show of an asset, prepared so that templates only place it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from django.utils import timezone

from apps.assets.housekeeping import TRASH_KEPT
from apps.assets.models import Asset, Kind, PreviewState
from apps.assets.refusals import refusal_sentence
from apps.assets.services import asset_url, preview_url

# Cells are at least this upright and at most this wide; beyond, the picture is cropped in the grid only.
_RATIO_MIN, _RATIO_MAX = 0.6, 2.4
_ICONS = {Kind.IMAGE: "image", Kind.VIDEO: "film", Kind.AUDIO: "audio-lines", Kind.TABLE: "table", Kind.FILE: "file"}


@dataclass(frozen=True)
class Cell:
    """One cell of the grid. ``ratio`` is width over height and reserves the place before the picture arrives."""

    asset: Asset
    ratio: float
    colour: str
    thumbnail: str | None
    video: str | None
    icon: str
    drawing: bool

    @property
    def meta(self) -> dict[str, Any]:
        """The measurements."""
        return self.asset.measured

    @property
    def days_left(self) -> int:
        """How many days the trash still keeps it."""
        since = self.asset.trashed_at or timezone.now()
        return max(0, ceil((since + TRASH_KEPT - timezone.now()) / timedelta(days=1)))


def cell_of(asset: Asset) -> Cell:
    """The cell of one asset."""
    meta = asset.measured
    width, height = meta.get("width"), meta.get("height")
    ratio = width / height if width and height else 1
    return Cell(
        asset=asset,
        ratio=round(min(max(ratio, _RATIO_MIN), _RATIO_MAX), 3),
        colour=str(meta.get("color") or "var(--hover)"),
        thumbnail=preview_url(asset, 512),
        video=asset_url(asset) if asset.kind == Kind.VIDEO and asset.blob else None,
        icon=_ICONS[Kind(asset.kind)],
        drawing=asset.blob is not None and asset.blob.preview_state == PreviewState.PENDING,
    )


def cells_of(assets: Iterable[Asset]) -> list[Cell]:
    """The cells of a page of assets."""
    return [cell_of(asset) for asset in assets]


def view_of(asset: Asset) -> dict[str, Any]:
    """Everything the large view shows: links that are good for an hour, and the picture's own size."""
    has_bytes = asset.blob is not None
    return {
        "asset": asset,
        "meta": asset.measured,
        "icon": _ICONS[Kind(asset.kind)],
        "url": asset_url(asset) if has_bytes else None,
        "download": asset_url(asset, download=True) if has_bytes else None,
        "preview": preview_url(asset, 1600),
        "refused": refusal_sentence(asset.refusal),
    }
