"""What boards show: covers in their list, and the things on one, fetched in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from apps.assets.models import Asset, asset_rows
from apps.assets.services import preview_url
from apps.generations.fragments import ICONS, Card, card, with_outputs
from apps.generations.models import Board, BoardItem, Generation
from apps.workspaces.models import Workspace

COVERS = 4
_SIDE = 512


@dataclass(frozen=True)
class Thing:
    """One thing on a board, ready to be placed."""

    item: BoardItem
    title: str
    url: str
    picture: str
    icon: str
    ratio: float
    colour: str
    stars: int


@dataclass(frozen=True)
class Cover:
    """A board in the list, with the pictures of its first things."""

    board: Board
    pictures: list[str]

    @property
    def count(self) -> int:
        """How many things are on it."""
        return int(getattr(self.board, "item_count", 0))


def item_cards(workspace: Workspace, items: Iterable[BoardItem]) -> list[Thing]:
    """The things of a page of items; what is in the trash is left out."""
    rows = list(items)
    made, kept = _things(workspace.id, rows)
    found = []
    for row in rows:
        if row.generation_id and row.generation_id in made:
            found.append(_of_generation(workspace.slug, row, made[row.generation_id]))
        elif row.asset_id and row.asset_id in kept:
            found.append(_of_asset(workspace.slug, row, kept[row.asset_id]))
    return found


def board_covers(workspace_id: UUID, boards: Iterable[Board]) -> list[Cover]:
    """The boards with their first pictures, in three queries however many there are."""
    listed = list(boards)
    numbered = BoardItem.objects.for_workspace(workspace_id).annotate(
        place=Window(RowNumber(), partition_by=[F("board_id")], order_by=[F("position"), F("id")])
    )
    rows = list(numbered.filter(board_id__in=[board.id for board in listed], place__lte=COVERS).order_by("place"))
    made, kept = _things(workspace_id, rows)
    pictures: dict[UUID, list[str]] = {}
    for row in rows:
        first = made[row.generation_id].first if row.generation_id in made else None
        asset = kept.get(row.asset_id)
        picture = first.picture if first else (preview_url(asset, _SIDE) if asset else None)
        if picture:
            pictures.setdefault(row.board_id, []).append(picture)
    return [Cover(board, pictures.get(board.id, [])) for board in listed]


def _things(workspace_id: UUID, rows: list[BoardItem]) -> tuple[dict[UUID, Card], dict[UUID, Asset]]:
    made = with_outputs(Generation.objects.for_workspace(workspace_id), workspace_id)
    made = made.filter(id__in=[row.generation_id for row in rows if row.generation_id])
    kept = asset_rows(workspace_id).filter(id__in=[row.asset_id for row in rows if row.asset_id], trashed_at=None)
    return {row.id: card(row) for row in made}, {row.id: row for row in kept}


def _of_generation(slug: str, item: BoardItem, shown: Card) -> Thing:
    return Thing(
        item=item,
        title=shown.row.prompt[:120] or shown.title,
        url=reverse("generations:generation_detail", args=[slug, shown.row.id]),
        picture=shown.first.picture if shown.first else "",
        icon=shown.icon,
        ratio=min(2.4, max(0.6, shown.ratio)),
        colour="var(--hover)",
        stars=shown.row.rating or 0,
    )


def _of_asset(slug: str, item: BoardItem, asset: Asset) -> Thing:
    width, height = asset.measured.get("width"), asset.measured.get("height")
    return Thing(
        item=item,
        title=asset.name,
        url=reverse("assets:asset_detail", args=[slug, asset.id]),
        picture=preview_url(asset, _SIDE) or "",
        icon=ICONS.get(asset.kind, "file"),
        ratio=min(2.4, max(0.6, width / height)) if width and height else 1.0,
        colour=str(asset.measured.get("color") or "var(--hover)"),
        stars=0,
    )
