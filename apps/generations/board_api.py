"""Boards over the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from apps.common.bodies import Body, Id
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.generations import boards
from apps.generations.models import Board, BoardItem
from apps.projects.schemas import Moment
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["boards"])


class BoardIn(Body):
    """A board's name, once per workspace."""

    name: str = Field(max_length=1000)


class BoardOut(Schema):
    """A named collection of generations and assets."""

    id: UUID
    name: str
    items: int
    created_at: Moment
    changed_at: Moment


class BoardPage(Schema):
    """A page of boards, the last one changed first."""

    items: list[BoardOut]
    next: str | None


class BoardItemOut(Schema):
    """One thing on a board: either ``generation`` or ``asset`` is set."""

    id: UUID
    generation: UUID | None
    asset: UUID | None
    created_at: Moment


class BoardItemPage(Schema):
    """A page of a board, in its order."""

    items: list[BoardItemOut]
    next: str | None


class BoardItemsIn(Body):
    """What to put at the end of a board; what is on it already stays where it is."""

    generations: list[Id] = Field(default_factory=list, max_length=1000)
    assets: list[Id] = Field(default_factory=list, max_length=1000)


class BoardMoveIn(Body):
    """The item to come before; none for the end."""

    before: Id | None = None


class PageQuery(Schema):
    """Which page."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None


@router.get("/boards", auth=api_auth("read"), response=BoardPage)
def board_list(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The boards, the last one changed first."""
    rows = boards.boards_listed(request.workspace.id)
    found, following = keyset_page(rows, limit=query.limit, cursor=query.cursor, order=("-changed_at", "-id"))
    return {"items": [_json(row) for row in found], "next": following}


@router.post("/boards", auth=api_auth("generations:write"), response={201: BoardOut})
def board_create(request: ApiRequest, body: BoardIn) -> Any:
    """A new, empty board."""
    with _refusals():
        board = boards.board_create(workspace_id=request.workspace.id, name=body.name, actor_id=request.user.id)
    return Status(201, _json(board))


@router.get("/boards/{uuid:board_id}", auth=api_auth("read"), response=BoardOut)
def board_detail(request: ApiRequest, board_id: UUID) -> Any:
    """One board."""
    return _json(_board(request, board_id))


@router.patch("/boards/{uuid:board_id}", auth=api_auth("generations:write"), response=BoardOut)
def board_rename(request: ApiRequest, board_id: UUID, body: BoardIn) -> Any:
    """Give it another name."""
    board = _board(request, board_id)
    with _refusals():
        boards.board_rename(board=board, name=body.name)
    return _json(_board(request, board_id))


@router.delete("/boards/{uuid:board_id}", auth=api_auth("generations:write"), response={204: None})
def board_delete(request: ApiRequest, board_id: UUID) -> Status[None]:
    """The board goes; what was on it stays."""
    boards.board_delete(board=_board(request, board_id))
    return Status(204, None)


@router.get("/boards/{uuid:board_id}/items", auth=api_auth("read"), response=BoardItemPage)
def board_item_list(request: ApiRequest, board_id: UUID, query: Query[PageQuery]) -> Any:
    """What is on it, in its order."""
    board = _board(request, board_id)
    rows = BoardItem.objects.for_workspace(request.workspace.id).filter(board_id=board.id)
    found, following = keyset_page(rows, limit=query.limit, cursor=query.cursor, order=("position", "id"))
    return {"items": [_item_json(row) for row in found], "next": following}


@router.post("/boards/{uuid:board_id}/items", auth=api_auth("generations:write"), response={201: list[BoardItemOut]})
def board_item_create(request: ApiRequest, board_id: UUID, body: BoardItemsIn) -> Any:
    """Put generations and assets at its end; answers those that were not on it yet."""
    board = _board(request, board_id)
    with _refusals():
        made = boards.board_add(board=board, generations=body.generations, assets=body.assets)
    return Status(201, [_item_json(row) for row in made])


@router.delete("/boards/{uuid:board_id}/items/{uuid:item_id}", auth=api_auth("generations:write"), response={204: None})
def board_item_delete(request: ApiRequest, board_id: UUID, item_id: UUID) -> Status[None]:
    """Take one thing off it."""
    with _refusals():
        boards.board_remove(board=_board(request, board_id), item_id=item_id)
    return Status(204, None)


@router.post(
    "/boards/{uuid:board_id}/items/{uuid:item_id}/move", auth=api_auth("generations:write"), response={204: None}
)
def board_item_move(request: ApiRequest, board_id: UUID, item_id: UUID, body: BoardMoveIn) -> Status[None]:
    """Put one thing before another, or at the end."""
    with _refusals():
        boards.board_move(board=_board(request, board_id), item_id=item_id, before=body.before)
    return Status(204, None)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (boards.BoardNotFound, boards.BoardItemNotFound) as error:
        raise not_found() from error
    except boards.BoardInvalid as error:
        said = str(error)
        fields = [{"field": error.field, "message": said}]
        raise Problem("invalid-board", 422, _("Invalid board"), said, fields=fields) from error


def _board(request: ApiRequest, board_id: UUID) -> Board:
    found = boards.boards_listed(request.workspace.id).filter(id=board_id).first()
    if found is None:
        raise not_found()
    return found


def _json(board: Board) -> dict[str, Any]:
    count = getattr(board, "item_count", 0)
    return {
        "id": board.id,
        "name": board.name,
        "items": count,
        "created_at": board.created_at,
        "changed_at": board.changed_at,
    }


def _item_json(item: BoardItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "generation": item.generation_id,
        "asset": item.asset_id,
        "created_at": item.created_at,
    }
