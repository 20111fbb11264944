"""Assets over the API: uploads by POST policy, the list, the trash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from apps.assets import services
from apps.assets.filters import assets_filtered
from apps.assets.models import Asset, AssetState, Kind, Source
from apps.assets.refusals import refusal_sentence
from apps.assets.services import (
    AssetMissing,
    NotArrived,
    ProjectMissing,
    Refused,
    TooLarge,
    TooManyUploads,
    TypeNotTaken,
)
from apps.assets.shapes import AssetOut, AssetPage, asset_documents
from apps.assets.storage import StorageDown
from apps.common.bodies import Body, Id
from apps.common.paging import keyset_page
from apps.common.problems import Problem, not_found
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["assets"])


class UploadIn(Body):
    """A file about to be uploaded. ``sha256`` (hexadecimal) saves the upload when its bytes are here already."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    size: Annotated[int, Field(ge=0)]
    content_type: Annotated[str, Field(max_length=200)] = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] | None = None
    project: Id | None = None


class UploadOut(Schema):
    """The asset's id, and the form to POST to ``url``: ``fields`` first, ``file`` last. No form: the bytes are here."""

    asset: UUID
    state: AssetState
    url: str | None
    fields: dict[str, str]


class AssetIn(Body):
    """What may be changed of an asset."""

    title: Annotated[str, Field(max_length=200)]


class AssetQuery(Schema):
    """Filters of the list. ``ids`` is a comma-separated list of ids."""

    kind: Kind | None = None
    source: Source | None = None
    state: AssetState = AssetState.READY
    project: UUID | None = None
    published: bool | None = None
    trashed: bool = False
    q: Annotated[str, Field(max_length=200)] = ""
    colour: Annotated[str, Field(pattern="^(#[0-9a-fA-F]{6})?$")] = ""
    ids: Annotated[str, Field(max_length=40_000)] = ""
    limit: int = 50
    cursor: str | None = None


def _one(asset: Asset) -> dict[str, Any]:
    return asset_documents(asset.workspace_id, [asset])[0]


def _refused(asset: Asset) -> Problem:
    detail = refusal_sentence(asset.refusal)
    return Problem("upload-refused", 422, _("File refused"), detail, code=asset.refusal["code"], asset=str(asset.id))


def _later(slug: str, status: int, title: str, detail: str, seconds: int) -> Problem:
    problem = Problem(slug, status, title, detail)
    problem.headers["Retry-After"] = str(seconds)
    return problem


def _problem_of(error: Exception) -> Problem:
    """The problem document of what a service raised."""
    said = str(error)
    match error:
        case AssetMissing() | ProjectMissing():
            return not_found()
        case TypeNotTaken():
            return Problem("type-not-taken", 415, _("Type not taken"), said)
        case TooLarge():
            return Problem("too-large", 413, _("File too large"), said)
        case Refused():
            return Problem("upload-refused", 422, _("File refused"), said, code=error.refusal["code"])
        case NotArrived():
            return Problem("not-arrived", 409, _("Not arrived"), said)
        case TooManyUploads():
            problem = _later("too-many-uploads", 429, _("Too many uploads"), said, services.UPLOAD_SECONDS)
            problem.headers["RateLimit-Policy"] = f'"uploads";q={services.PENDING_MAX}'
            problem.headers["RateLimit"] = f'"uploads";r=0;t={services.UPLOAD_SECONDS}'
            return problem
    return _later(
        "storage-down", 503, _("Storage not reachable"), _("The file store does not answer. Try again soon."), 5
    )


_REFUSALS = (AssetMissing, ProjectMissing, TypeNotTaken, TooLarge, Refused, NotArrived, TooManyUploads, *StorageDown)


@contextmanager
def _refusals() -> Iterator[None]:
    """Services speak in exceptions, the API in problem documents."""
    try:
        yield
    except _REFUSALS as error:
        raise _problem_of(error) from error


begin = api_auth("assets:write", more="uploads", by_body=True)


@router.post("/assets/uploads", auth=begin, response={201: UploadOut, 200: UploadOut})
def upload_begin(request: HttpRequest, body: UploadIn) -> Status[dict[str, Any]]:
    """Begin an upload: an S3 POST policy for exactly this file, good for ten minutes."""
    caller = _caller(request)
    with _refusals():
        upload = services.upload_begin(
            workspace_id=caller.workspace.id,
            filename=body.filename,
            size=body.size,
            content_type=body.content_type,
            sha256=body.sha256 or "",
            project_id=body.project,
            created_by_id=caller.user.id,
        )
    form = upload.form or {"url": None, "fields": {}}
    return Status(201 if upload.form else 200, {"asset": upload.asset.id, "state": upload.asset.state, **form})


@router.post("/assets/{uuid:asset_id}/complete", auth=api_auth("assets:write"), response={200: AssetOut, 202: AssetOut})
def upload_complete(request: HttpRequest, asset_id: UUID) -> Status[dict[str, Any]]:
    """The bytes are there: verify them. 200 when ready, 202 while a worker looks, 422 when refused. Safe to repeat."""
    with _refusals():
        asset = services.upload_complete(workspace_id=_caller(request).workspace.id, asset_id=asset_id)
    if asset.state == AssetState.REFUSED:
        raise _refused(asset)
    return Status(200 if asset.state == AssetState.READY else 202, _one(asset))


@router.get("/assets", auth=api_auth("read", guests=True), response=AssetPage)
def asset_list(request: HttpRequest, query: Query[AssetQuery]) -> dict[str, Any]:
    """Assets, newest first; those in the trash only with ``trashed=true``."""
    workspace_id = _caller(request).workspace.id
    narrowed = query.dict(exclude={"ids", "limit", "cursor"}, exclude_none=True)
    rows = assets_filtered(workspace_id, **narrowed)
    if query.ids:
        rows = rows.filter(id__in=_ids(query.ids))
    assets, following = keyset_page(rows, limit=query.limit, cursor=query.cursor)
    return {"items": asset_documents(workspace_id, assets), "next": following}


def _ids(text: str) -> list[UUID]:
    try:
        return [UUID(part) for part in text.split(",")]
    except ValueError as error:
        raise Problem("bad-ids", 422, _("Bad ids"), _("`ids` must be a comma-separated list of ids.")) from error


@router.get("/assets/{uuid:asset_id}", auth=api_auth("read", guests=True), response=AssetOut)
def asset_get(request: HttpRequest, asset_id: UUID) -> dict[str, Any]:
    """One asset, in the trash or not."""
    with _refusals():
        return _one(services.asset_get(workspace_id=_caller(request).workspace.id, asset_id=asset_id))


@router.patch("/assets/{uuid:asset_id}", auth=api_auth("assets:write"), response=AssetOut)
def asset_rename(request: HttpRequest, asset_id: UUID, body: AssetIn) -> dict[str, Any]:
    """Give an asset a title."""
    with _refusals():
        return _one(
            services.asset_rename(workspace_id=_caller(request).workspace.id, asset_id=asset_id, title=body.title)
        )


@router.delete("/assets/{uuid:asset_id}", auth=api_auth("assets:write"), response={204: None})
def asset_trash(request: HttpRequest, asset_id: UUID) -> Status[None]:
    """Put an asset into the trash; it can be restored for 30 days."""
    with _refusals():
        services.asset_trash(workspace_id=_caller(request).workspace.id, asset_id=asset_id)
    return Status(204, None)


@router.post("/assets/{uuid:asset_id}/restore", auth=api_auth("assets:write"), response=AssetOut)
def asset_restore(request: HttpRequest, asset_id: UUID) -> dict[str, Any]:
    """Take an asset out of the trash."""
    with _refusals():
        return _one(services.asset_restore(workspace_id=_caller(request).workspace.id, asset_id=asset_id))


def _caller(request: HttpRequest) -> ApiRequest:
    """``api_auth`` has filled the request."""
    return request  # type: ignore[return-value]
