"""Boards: the list, one board, and putting things on them from wherever they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.generations import boards
from apps.generations.board_fragments import board_covers, item_cards
from apps.generations.models import Board, BoardItem
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

PAGE = 48


@require_GET
@member_required(role=Role.VIEWER)
def board_list(request: MemberRequest) -> HttpResponse:
    """Every board with its first pictures."""
    return _list(request)


@require_POST
@member_required(role=Role.EDITOR)
def board_create(request: MemberRequest) -> HttpResponse:
    """A new board; opens it."""
    try:
        board = boards.board_create(
            workspace_id=request.workspace.id, name=request.POST.get("name", ""), actor_id=request.user.id
        )
    except boards.BoardInvalid as error:
        return _list(request, problem=str(error), status=422)
    url = reverse("generations:board_detail", args=[request.workspace.slug, board.id])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


@require_GET
@member_required(role=Role.VIEWER)
def board_detail(request: MemberRequest, board_id: UUID) -> HttpResponse:
    """One board; with a cursor its next things as a fragment."""
    return _board_page(request, _board(request, board_id))


@require_POST
@member_required(role=Role.EDITOR)
def board_rename(request: MemberRequest, board_id: UUID) -> HttpResponse:
    """Another name, in place."""
    board, problem = _board(request, board_id), ""
    try:
        board = boards.board_rename(board=board, name=request.POST.get("name", ""))
    except boards.BoardInvalid as error:
        problem = str(error)
    if not request.htmx:
        return redirect("generations:board_detail", request.workspace.slug, board.id)
    context = {"board": board, "problem": problem, "may_edit": True}
    return render(request, "generations/_board_name.html", context, status=422 if problem else 200)


@require_POST
@member_required(role=Role.EDITOR)
def board_delete(request: MemberRequest, board_id: UUID) -> HttpResponse:
    """The board goes, what was on it stays."""
    boards.board_delete(board=_board(request, board_id))
    url = reverse("generations:board_list", args=[request.workspace.slug])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


@require_POST
@member_required(role=Role.EDITOR)
def board_item_remove(request: MemberRequest, board_id: UUID, item_id: UUID) -> HttpResponse:
    """Off the board; the empty answer takes the cell's place."""
    board = _board(request, board_id)
    try:
        boards.board_remove(board=board, item_id=item_id)
    except boards.BoardItemNotFound as error:
        raise Http404 from error
    return HttpResponse() if request.htmx else redirect("generations:board_detail", request.workspace.slug, board.id)


@require_POST
@member_required(role=Role.EDITOR)
def board_item_move(request: MemberRequest, board_id: UUID, item_id: UUID) -> HttpResponse:
    """Before another thing (``before``), or to the end."""
    board = _board(request, board_id)
    try:
        before = UUID(request.POST["before"]) if request.POST.get("before") else None
        boards.board_move(board=board, item_id=item_id, before=before)
    except (ValueError, boards.BoardItemNotFound) as error:
        raise Http404 from error
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("generations:board_detail", request.workspace.slug, board.id)


@require_http_methods(["GET", "POST"])
@member_required(role=Role.EDITOR)
def board_choice(request: MemberRequest) -> HttpResponse:
    """The boards, ticked where a thing (``generation`` or ``asset``) is on; POST puts it on, off, or on a new one."""
    thing, problem = _thing(request), ""
    if request.method == "POST":
        try:
            _put(request, thing)
        except boards.BoardInvalid as error:
            problem = str(error)
    items = BoardItem.objects.for_workspace(request.workspace.id).filter(**thing)
    context = {
        "boards": boards.boards_listed(request.workspace.id),
        "on": set(items.values_list("board_id", flat=True)),
        "thing": {name.removesuffix("_id"): value for name, value in thing.items()},
        "problem": problem,
    }
    return render(request, "generations/_board_choice.html", context, status=422 if problem else 200)


def _put(request: MemberRequest, thing: dict[str, UUID]) -> None:
    if name := request.POST.get("name"):
        board = boards.board_create(workspace_id=request.workspace.id, name=name, actor_id=request.user.id)
        _on(board, thing)
        return
    board = _board(request, _uuid(request.POST.get("board", "")))
    if request.POST.get("on"):
        _on(board, thing)
    else:
        boards.board_take_off(board=board, **thing)


def _on(board: Board, thing: dict[str, UUID]) -> None:
    generation, asset = thing.get("generation_id"), thing.get("asset_id")
    boards.board_add(board=board, generations=[generation] if generation else [], assets=[asset] if asset else [])


def _thing(request: MemberRequest) -> dict[str, UUID]:
    """``generation_id`` or ``asset_id`` of what the request names; 404 for neither."""
    sent = request.POST if request.method == "POST" else request.GET
    for name in ("generation", "asset"):
        if sent.get(name):
            return {f"{name}_id": _uuid(sent[name])}
    raise Http404


def _list(request: MemberRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "boards": board_covers(request.workspace.id, boards.boards_listed(request.workspace.id)),
        "problem": problem,
        "may_edit": _may_edit(request),
    }
    return render(request, "generations/board_list.html", context, status=status)


def _board_page(request: MemberRequest, board: Board) -> HttpResponse:
    rows: QuerySet[BoardItem] = BoardItem.objects.for_workspace(request.workspace.id).filter(board_id=board.id)
    cursor = request.GET.get("cursor")
    try:
        found, following = keyset_page(rows, limit=PAGE, cursor=cursor, order=("position", "id"))
    except Problem as problem:
        raise Http404 from problem
    context: dict[str, Any] = {
        "board": board,
        "items": item_cards(request.workspace, found),
        "cursor": following,
        "may_edit": _may_edit(request),
    }
    template = "generations/_board_items.html" if request.htmx and cursor else "generations/board_detail.html"
    return render(request, template, context)


def _board(request: MemberRequest, board_id: UUID) -> Board:
    try:
        return boards.board_get(workspace_id=request.workspace.id, board_id=board_id)
    except boards.BoardNotFound as error:
        raise Http404 from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _may_edit(request: MemberRequest) -> bool:
    return request.role.includes(Role.EDITOR)
