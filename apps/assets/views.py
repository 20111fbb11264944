"""The gallery, the large view, the trash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.assets import services
from apps.assets.filters import GalleryFilter, assets_filtered
from apps.assets.fragments import cell_of, cells_of, view_of
from apps.assets.models import Asset, Kind, Source
from apps.assets.palette import swatches
from apps.assets.services import AssetMissing
from apps.assets.usage import usages_of
from apps.common.paging import keyset_page, page_size
from apps.common.problems import Problem
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

_PAGE = 48
_LINK_SECONDS = 3600
# A row becomes ready a little after it is made: the look back reaches so far beyond the last one.
_OVERLAP = timedelta(seconds=30)
_LOOK_AT_LEAST_MS = 60_000
# A quarter of the link's life: as long as the browser reuses the redirect, the link it leads to works.
_REDIRECT_KEPT_S = _LINK_SECONDS // 4


def _asset(request: MemberRequest, asset_id: UUID) -> Asset:
    try:
        return services.asset_get(workspace_id=request.workspace.id, asset_id=asset_id)
    except AssetMissing as error:
        raise Http404 from error


def _page(request: MemberRequest, rows: QuerySet[Asset], order: str) -> tuple[list[Asset], str | None]:
    limit = page_size(request.GET.get("limit", ""), _PAGE)
    try:
        return keyset_page(rows, limit=limit, cursor=request.GET.get("cursor"), order=(order, "-id"))
    except Problem as error:
        raise Http404 from error


def _can_edit(request: MemberRequest) -> bool:
    return request.role.includes(Role.EDITOR)


def _newest(request: MemberRequest) -> dict[str, Any]:
    """From when on the page asks for what is newer, within the same filters."""
    query = request.GET.copy()
    for name in ("cursor", "since"):
        query.pop(name, None)
    return {"since": (timezone.now() - _OVERLAP).isoformat(), "narrowed": query.urlencode()}


def _moment(text: str) -> datetime:
    """A moment with its zone, as :func:`_newest` writes it; anything else was not ours."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Http404
    return moment


def _news(request: MemberRequest, rows: QuerySet[Asset]) -> HttpResponse:
    """The cells that came since the page looked last; an empty answer (204) leaves the page as it is."""
    since = _moment(request.GET["since"])
    newer = cells_of(rows.filter(created_at__gt=since).order_by("-created_at", "-id")[:_PAGE])
    if not newer:
        return HttpResponse(status=204)
    context = {"newer": newer, "can_edit": _can_edit(request), **_newest(request)}
    return render(request, "assets/gallery.html#news", context)


@require_GET
@member_required(Role.GUEST)
def gallery(request: MemberRequest) -> HttpResponse:
    """Everything the workspace has made or brought, newest first; as a page, its results, or the next cells."""
    chosen = GalleryFilter.parse(request.GET)
    cursor = request.GET.get("cursor")
    rows = assets_filtered(request.workspace.id, **chosen.narrowing())
    if request.htmx and "since" in request.GET:
        return _news(request, rows)
    assets, following = _page(request, rows, "-created_at")
    context = {
        "cells": cells_of(assets),
        "cursor": following,
        "chosen": chosen,
        "kinds": Kind,
        "sources": Source,
        "swatches": swatches(),
        "can_edit": _can_edit(request),
        **_newest(request),
    }
    fragment = ("#cells" if cursor else "#results") if request.htmx and not request.htmx.boosted else ""
    return TemplateResponse(request, f"assets/gallery.html{fragment}", context)


@require_GET
@member_required(Role.GUEST)
def asset_detail(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """The large view: inside the gallery's dialog, or a page of its own that can be linked to."""
    asset = _asset(request, asset_id)
    context: dict[str, Any] = {**view_of(asset), "can_edit": _can_edit(request), "dialog": bool(request.htmx)}
    context["used_in"] = usages_of(request.workspace.id, [asset.id])[asset.id]
    return render(request, "assets/_view.html" if request.htmx else "assets/asset_detail.html", context)


@require_GET
@member_required(Role.GUEST)
def asset_cell(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """One cell: a new upload's, or one whose preview was still being drawn; that one asks again, ever more rarely."""
    cell = cell_of(_asset(request, asset_id))
    waited = request.GET.get("waited", "")
    wait_ms = min(2 * int(waited), _LOOK_AT_LEAST_MS) if waited.isdecimal() and len(waited) < 7 else None
    return render(request, "assets/_cell.html", {"cell": cell, "can_edit": _can_edit(request), "wait_ms": wait_ms})


@require_POST
@member_required(Role.EDITOR)
def asset_rename(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """Give it a title; the large view keeps its place."""
    _asset(request, asset_id)
    title = request.POST.get("title", "")
    asset = services.asset_rename(workspace_id=request.workspace.id, asset_id=asset_id, title=title)
    return render(request, "assets/_renamed.html", {"asset": asset})


@require_POST
@member_required(Role.EDITOR)
def asset_trash(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """Into the trash; the answer takes the cell's place and offers to undo."""
    asset = _asset(request, asset_id)
    services.asset_trash(workspace_id=request.workspace.id, asset_id=asset_id)
    if request.htmx:
        response = render(request, "assets/_trashed.html", {"asset": asset})
        response["HX-Trigger"] = "close-dialog"
        return response
    messages.success(request, _("“%(name)s” is in the trash for 30 days.") % {"name": asset.name})
    return redirect("assets:gallery", request.workspace.slug)


@require_POST
@member_required(Role.EDITOR)
def asset_restore(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """Out of the trash; in the gallery the cell returns to its place, in the trash it goes."""
    _asset(request, asset_id)
    asset = services.asset_restore(workspace_id=request.workspace.id, asset_id=asset_id)
    if request.htmx and request.POST.get("from") != "trash":
        return render(request, "assets/_cell.html", {"cell": cell_of(asset), "can_edit": True})
    messages.success(request, _("“%(name)s” is back in the gallery.") % {"name": asset.name})
    return HttpResponse() if request.htmx else redirect("assets:trash", request.workspace.slug)


@require_GET
@member_required()
def trash(request: MemberRequest) -> HttpResponse:
    """What was thrown away in the last 30 days, and the way back."""
    rows = assets_filtered(request.workspace.id, trashed=True)
    cursor = request.GET.get("cursor")
    assets, following = _page(request, rows, "-trashed_at")
    fragment = "#cells" if request.htmx and cursor else ""
    context = {"cells": cells_of(assets), "cursor": following, "can_edit": _can_edit(request)}
    return TemplateResponse(request, f"assets/trash.html{fragment}", context)


def _to(url: str | None) -> HttpResponse:
    if url is None:
        raise Http404
    response = redirect(url)
    response["Cache-Control"] = f"private, max-age={_REDIRECT_KEPT_S}"
    return response


@require_GET
@member_required(Role.GUEST)
def asset_content(request: MemberRequest, asset_id: UUID) -> HttpResponse:
    """A lasting address for the bytes (``?download=1`` to save them); it leads to a link that expires."""
    asset = _asset(request, asset_id)
    if asset.blob is None:
        raise Http404
    return _to(services.asset_url(asset, seconds=_LINK_SECONDS, download="download" in request.GET))


@require_GET
@member_required(Role.GUEST)
def asset_preview(request: MemberRequest, asset_id: UUID, side: int) -> HttpResponse:
    """A lasting address for the preview; while it is drawn, an image stands for itself."""
    asset = _asset(request, asset_id)
    preview = services.preview_url(asset, side, seconds=_LINK_SECONDS)
    if preview is None and asset.kind == Kind.IMAGE and asset.blob:
        return redirect(services.asset_url(asset, seconds=_LINK_SECONDS))
    return _to(preview)
