"""Boards: named collections of generations and assets. The door for their writes, and the reads that pages share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.assets.models import Asset
from apps.generations.models import Board, BoardItem, Generation
from apps.workspaces.audit import audit_row

NAME_MAX = 120
BOARDS_MAX = 500
ITEMS_MAX = 10_000
# Positions come this far apart; a place between two is their middle, until there is none left.
GAP = 1024.0
_TIGHT = 1e-6


class BoardNotFound(Exception):
    """There is no such board in this workspace."""


class BoardItemNotFound(Exception):
    """There is no such item on this board."""


class BoardInvalid(ValueError):
    """The board cannot be so. ``field`` says what is wrong."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def boards_listed(workspace_id: UUID) -> QuerySet[Board]:
    """The workspace's boards, the last one changed first, each with ``item_count``."""
    rows: QuerySet[Board] = Board.objects.for_workspace(workspace_id).annotate(item_count=Count("items"))
    return rows.order_by("-changed_at", "-id")


def board_get(*, workspace_id: UUID, board_id: UUID) -> Board:
    """One board; raises BoardNotFound."""
    row: Board | None = Board.objects.for_workspace(workspace_id).filter(id=board_id).first()
    if row is None:
        raise BoardNotFound(BoardNotFound.__doc__)
    return row


def board_create(*, workspace_id: UUID, name: str, actor_id: UUID | None) -> Board:
    """A new, empty board. Raises BoardInvalid."""
    clean = _name(name)
    if Board.objects.for_workspace(workspace_id).count() >= BOARDS_MAX:
        raise BoardInvalid(
            "name", _("A workspace has at most %(most)s boards. Delete one first.") % {"most": BOARDS_MAX}
        )
    try:
        with transaction.atomic():
            rows = Board.objects.for_workspace(workspace_id)
            board: Board = rows.create(workspace_id=workspace_id, name=clean, created_by_id=actor_id)
            audit_row("board_create", board, actor_id)
            return board
    except IntegrityError as error:
        raise _taken(clean) from error


def board_rename(*, board: Board, name: str) -> Board:
    """Give it another name. Raises BoardInvalid."""
    clean = _name(name)
    try:
        with transaction.atomic():
            _rows(board).update(name=clean, changed_at=timezone.now())
            audit_row("board_rename", board, before={"name": board.name}, after={"name": clean})
    except IntegrityError as error:
        raise _taken(clean) from error
    board.refresh_from_db()
    return board


def board_delete(*, board: Board) -> None:
    """The board goes; what was on it stays where it is."""
    with transaction.atomic():
        BoardItem.objects.for_workspace(board.workspace_id).filter(board_id=board.id).delete()
        _rows(board).delete()
        audit_row("board_delete", board)


def board_add(*, board: Board, generations: Sequence[UUID] = (), assets: Sequence[UUID] = ()) -> list[BoardItem]:
    """Put things at the end of a board; what is on it already stays where it is. Raises BoardInvalid."""
    with transaction.atomic():
        _locked(board)
        _known(board, generations, assets)
        items = BoardItem.objects.for_workspace(board.workspace_id).filter(board_id=board.id)
        there = set(items.filter(generation_id__in=generations).values_list("generation_id", flat=True))
        there |= set(items.filter(asset_id__in=assets).values_list("asset_id", flat=True))
        wanted = [("generation_id", one) for one in dict.fromkeys(generations) if one not in there]
        wanted += [("asset_id", one) for one in dict.fromkeys(assets) if one not in there]
        if items.count() + len(wanted) > ITEMS_MAX:
            raise BoardInvalid("items", _("A board holds at most 10,000 things."))
        end = items.aggregate(end=Max("position"))["end"] or 0.0
        made = BoardItem.objects.for_workspace(board.workspace_id).bulk_create(
            BoardItem(workspace_id=board.workspace_id, board_id=board.id, position=end + GAP * at, **{field: one})
            for at, (field, one) in enumerate(wanted, 1)
        )
        _rows(board).update(changed_at=timezone.now())
    return made


def board_remove(*, board: Board, item_id: UUID) -> None:
    """Take one thing off a board. Raises BoardItemNotFound."""
    with transaction.atomic():
        _item(board, item_id).delete()
        _rows(board).update(changed_at=timezone.now())


def board_take_off(*, board: Board, generation_id: UUID | None = None, asset_id: UUID | None = None) -> None:
    """Take a generation or an asset off a board; nothing happens when it is not on it."""
    with transaction.atomic():
        rows = BoardItem.objects.for_workspace(board.workspace_id).filter(board_id=board.id)
        rows.filter(**({"generation_id": generation_id} if generation_id else {"asset_id": asset_id})).delete()
        _rows(board).update(changed_at=timezone.now())


def board_move(*, board: Board, item_id: UUID, before: UUID | None) -> None:
    """Put an item before another one, or at the end. Raises BoardItemNotFound."""
    with transaction.atomic():
        _locked(board)
        item = _item(board, item_id)
        others = BoardItem.objects.for_workspace(board.workspace_id).filter(board_id=board.id).exclude(id=item.id)
        if before is None or before == item.id:
            position = item.position if before else (others.aggregate(end=Max("position"))["end"] or 0.0) + GAP
        else:
            position = _between(board, others, _item(board, before))
        BoardItem.objects.for_workspace(board.workspace_id).filter(id=item.id).update(position=position)
        _rows(board).update(changed_at=timezone.now())


def _between(board: Board, others: QuerySet[BoardItem], next_: BoardItem) -> float:
    """The middle between an item and the one before it; where they have grown too close, all are set apart first."""
    earlier = others.filter(position__lt=next_.position).aggregate(at=Max("position"))["at"]
    if earlier is None:
        first = others.aggregate(at=Min("position"))["at"] or GAP
        return float(first) - GAP
    if next_.position - earlier > _TIGHT:
        return float((earlier + next_.position) / 2)
    rows = list(others.order_by("position", "id"))
    for at, row in enumerate(rows, 1):
        row.position = GAP * at
    BoardItem.objects.for_workspace(board.workspace_id).bulk_update(rows, ["position"], batch_size=1000)
    return float(next(row.position for row in rows if row.id == next_.id)) - GAP / 2


def _rows(board: Board) -> QuerySet[Board]:
    return cast("QuerySet[Board]", Board.objects.for_workspace(board.workspace_id).filter(id=board.id))


def _locked(board: Board) -> None:
    """One after the other: an order that two people change at once has one outcome. Raises BoardNotFound."""
    if not list(_rows(board).select_for_update()):
        raise BoardNotFound(BoardNotFound.__doc__)


def _item(board: Board, item_id: UUID) -> BoardItem:
    rows = BoardItem.objects.for_workspace(board.workspace_id).filter(board_id=board.id, id=item_id)
    row: BoardItem | None = rows.first()
    if row is None:
        raise BoardItemNotFound(BoardItemNotFound.__doc__)
    return row


def _known(board: Board, generations: Sequence[UUID], assets: Sequence[UUID]) -> None:
    made = Generation.objects.for_workspace(board.workspace_id).filter(id__in=generations).count()
    if made != len(set(generations)):
        raise BoardInvalid("generations", _("There is no such generation in this workspace."))
    kept = Asset.objects.for_workspace(board.workspace_id).filter(id__in=assets, trashed_at=None).count()
    if kept != len(set(assets)):
        raise BoardInvalid("assets", _("There is no such file in this workspace."))


def _name(name: str) -> str:
    clean = " ".join(name.replace("\0", " ").split())
    if not clean:
        raise BoardInvalid("name", _("Give the board a name."))
    if len(clean) > NAME_MAX:
        raise BoardInvalid("name", _("A board's name has at most %(most)s characters.") % {"most": NAME_MAX})
    return clean


def _taken(name: str) -> BoardInvalid:
    return BoardInvalid("name", _("There is a board “%(name)s” already.") % {"name": name})
