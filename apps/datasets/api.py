"""Datasets over the API: consent, preview, frozen versions, exports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status

from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.datasets import services
from apps.datasets.execution.recording import licences, workspace_allows
from apps.datasets.fragments import consent_shown, datasets_listed, export_sentence, version_sentence
from apps.datasets.models import Consent, Dataset, Export, ExportState, Row, Version
from apps.datasets.schemas import (
    ConsentIn,
    ConsentOut,
    DatasetIn,
    DatasetOut,
    DatasetPage,
    ExportIn,
    ExportOut,
    ExportPage,
    LinkOut,
    PreviewOut,
    RowPage,
    SelectionIn,
    VersionIn,
    VersionOut,
    VersionPage,
    WorkspaceConsentOut,
)
from apps.datasets.selection import preview
from apps.projects.models import Project
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["datasets"])
VERSION = "/datasets/{uuid:dataset_id}/versions/{int:version}"


class PageQuery(Schema):
    """Paging alone."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None


@router.get("/datasets/consent", auth=api_auth("read"), response=WorkspaceConsentOut)
def workspace_consent(request: ApiRequest) -> Any:
    """What the workspace says of its generations, and who said so. Admins change it on its page in the settings."""
    history = Consent.objects.filter(generation_id=None).order_by("-created_at")[:100]
    return {
        "allowed": workspace_allows(request.workspace.id),
        "licences": dict(licences(request.workspace.id)),
        "history": [{"allowed": one.allowed, "at": one.created_at, "by": one.actor_id} for one in history],
    }


@router.put("/generations/{uuid:generation_id}/consent", auth=api_auth("generations:write"), response=ConsentOut)
def generation_consent(request: ApiRequest, generation_id: UUID, body: ConsentIn) -> Any:
    """Say whether one generation may enter datasets. Taking it back reaches every later export."""
    try:
        row = services.generation_consent_set(
            workspace_id=request.workspace.id,
            generation_id=generation_id,
            allowed=body.consent,
            actor_id=request.user.id,
        )
    except services.GenerationMissing as error:
        raise not_found() from error
    return {"generation": row.id, "consent": row.consent, "given": consent_shown(row)["given"]}


@router.post("/datasets/preview", auth=api_auth("read"), response=PreviewOut)
def selection_preview(request: ApiRequest, body: SelectionIn) -> Any:
    """Count what a version would hold, without making it."""
    _project_check(request, body)
    return vars(preview(body.selection(), request.workspace.id))


@router.post("/datasets", auth=api_auth("generations:write"), response={201: DatasetOut})
def dataset_create(request: ApiRequest, body: DatasetIn) -> Any:
    """A dataset, without a version yet."""
    made = services.dataset_create(
        workspace_id=request.workspace.id, name=body.name, description=body.description, actor_id=request.user.id
    )
    return Status(201, dataset_json(made, 0))


@router.get("/datasets", auth=api_auth("read"), response=DatasetPage)
def dataset_list(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Datasets, newest first."""
    rows, following = keyset_page(datasets_listed(request.workspace.id), limit=query.limit, cursor=query.cursor)
    return {"items": [dataset_json(row, vars(row)["version_count"]) for row in rows], "next": following}


@router.get("/datasets/{uuid:dataset_id}", auth=api_auth("read"), response=DatasetOut)
def dataset_detail(request: ApiRequest, dataset_id: UUID) -> Any:
    """One dataset."""
    row = datasets_listed(request.workspace.id).filter(id=dataset_id).first()
    if row is None:
        raise not_found()
    return dataset_json(row, vars(row)["version_count"])


@router.post("/datasets/{uuid:dataset_id}/versions", auth=api_auth("generations:write"), response={202: VersionOut})
def version_create(request: ApiRequest, dataset_id: UUID, body: VersionIn) -> Any:
    """Have what the filter holds now frozen as the next version. Watch `GET` on the version."""
    _project_check(request, body.filter)
    try:
        version = services.version_freeze(
            workspace_id=request.workspace.id,
            dataset_id=dataset_id,
            selection=body.filter.selection(),
            note=body.note,
            actor_id=request.user.id,
        )
    except services.DatasetNotFound as error:
        raise not_found() from error
    except services.NothingSelected as error:
        detail = _("Nothing fits this selection that anybody agreed to.")
        raise Problem("nothing-selected", 422, _("Nothing selected"), detail) from error
    return Status(202, version_json(version))


@router.post(VERSION + "/cancel", auth=api_auth("generations:write"), response=VersionOut)
def version_cancel(request: ApiRequest, dataset_id: UUID, version: int) -> Any:
    """Stop freezing a version: nothing of it stays."""
    try:
        found = services.version_cancel(workspace_id=request.workspace.id, version=_version(dataset_id, version))
    except services.NotFreezing as error:
        detail = _("This version is not being frozen any more.")
        raise Problem("not-freezing", 409, _("Not freezing"), detail) from error
    return version_json(found)


@router.get("/datasets/{uuid:dataset_id}/versions", auth=api_auth("read"), response=VersionPage)
def version_list(request: ApiRequest, dataset_id: UUID, query: Query[PageQuery]) -> Any:
    """Versions, newest first."""
    if not Dataset.objects.filter(id=dataset_id).exists():
        raise not_found()
    found = Version.objects.filter(dataset_id=dataset_id).prefetch_related("changes")
    rows, following = keyset_page(found, limit=query.limit, cursor=query.cursor, order=("-number",))
    return {"items": [version_json(row) for row in rows], "next": following}


@router.get(VERSION, auth=api_auth("read"), response=VersionOut)
def version_detail(request: ApiRequest, dataset_id: UUID, version: int) -> Any:
    """One version with its changelog."""
    return version_json(_version(dataset_id, version))


@router.get(VERSION + "/rows", auth=api_auth("read"), response=RowPage)
def row_list(request: ApiRequest, dataset_id: UUID, version: int, query: Query[PageQuery]) -> Any:
    """The rows of a version, removed ones included."""
    found = Row.objects.filter(version=_version(dataset_id, version))
    rows, following = keyset_page(found, limit=query.limit, cursor=query.cursor, order=("position",))
    same = ("position", "model", "rating", "tags", "licence")
    items = [
        {**{name: getattr(row, name) for name in same}, "generation": row.generation_id, "removed": row.why or None}
        for row in rows
    ]
    return {"items": items, "next": following}


@router.post(VERSION + "/exports", auth=api_auth("generations:write"), response={202: ExportOut})
def export_create(request: ApiRequest, dataset_id: UUID, version: int, body: ExportIn) -> Any:
    """Have the version made into files. Watch `GET` on the export."""
    found = _version(dataset_id, version)
    try:
        export = services.export_start(
            workspace_id=request.workspace.id,
            version=found,
            kind=body.format,
            partition=body.partition,
            actor_id=request.user.id,
        )
    except services.ExportRunning as error:
        detail = _("This version is being exported in this format already.")
        raise Problem("export-running", 409, _("Export running"), detail) from error
    except services.VersionNotFrozen as error:
        detail = _("This version is not frozen, so there is nothing to export. Watch its state.")
        raise Problem("version-not-frozen", 409, _("Not frozen"), detail) from error
    return Status(202, export_json(export))


@router.get(VERSION + "/exports", auth=api_auth("read"), response=ExportPage)
def export_list(request: ApiRequest, dataset_id: UUID, version: int, query: Query[PageQuery]) -> Any:
    """The exports of a version, newest first."""
    found = Export.objects.filter(version=_version(dataset_id, version)).select_related("version")
    rows, following = keyset_page(found, limit=query.limit, cursor=query.cursor)
    return {"items": [export_json(row) for row in rows], "next": following}


@router.get("/datasets/exports/{uuid:export_id}", auth=api_auth("read"), response=ExportOut)
def export_detail(request: ApiRequest, export_id: UUID) -> Any:
    """One export: how far it is, then its files."""
    found = Export.objects.filter(id=export_id).select_related("version").first()
    if found is None:
        raise not_found()
    return export_json(found)


@router.get("/datasets/exports/{uuid:export_id}/files/{int:index}", auth=api_auth("read"), response=LinkOut)
def export_file(request: ApiRequest, export_id: UUID, index: int) -> Any:
    """A link to one file's bytes."""
    now = timezone.now()
    try:
        url = services.export_link(workspace_id=request.workspace.id, export_id=export_id, index=index)
    except services.DatasetNotFound as error:
        raise not_found() from error
    except services.ExportNotReady as error:
        detail = _("This export has no files: it is not done yet, or rows of its version were removed since.")
        raise Problem("export-not-ready", 409, _("Not ready"), detail) from error
    return {"url": url, "expires_at": now + timedelta(seconds=services.LINK_SECONDS)}


def dataset_json(row: Dataset, versions: int) -> dict[str, Any]:
    """The shape of :class:`DatasetOut`."""
    same = ("id", "name", "description", "created_at")
    return {**{name: getattr(row, name) for name in same}, "versions": versions}


def version_json(row: Version) -> dict[str, Any]:
    """The shape of :class:`VersionOut`."""
    same = ("number", "note", "state", "done", "rows", "removed", "revision", "created_at", "frozen_at")
    return {
        **{name: getattr(row, name) for name in same},
        "dataset": row.dataset_id,
        "filter": row.chosen,
        "error": version_sentence(row) or None,
        "changelog": [
            {"at": change.created_at, "kind": change.kind, "why": change.why or None, "rows": change.count}
            for change in row.changes.all()
        ],
    }


def export_json(row: Export) -> dict[str, Any]:
    """The shape of :class:`ExportOut`. Files are told when they may be taken."""
    same = ("id", "format", "partition", "state", "done", "created_at", "finished_at")
    files = row.files if row.state == ExportState.READY else []
    return {
        **{name: getattr(row, name) for name in same},
        "dataset": row.version.dataset_id,
        "version": row.version.number,
        "rows": row.total,
        "error": export_sentence(row) or None,
        "files": [
            {**file, "url": reverse("api-1:export_file", args=[row.id, index])} for index, file in enumerate(files)
        ],
    }


def _version(dataset_id: UUID, number: int) -> Version:
    rows = Version.objects.filter(dataset_id=dataset_id, number=number).prefetch_related("changes")
    found: Version | None = rows.first()
    if found is None:
        raise not_found()
    return found


def _project_check(request: ApiRequest, body: SelectionIn) -> None:
    projects = Project.objects.for_workspace(request.workspace.id).filter(id=body.project)
    if body.project is not None and not projects.exists():
        said = _("There is no such project in this workspace.")
        fields = [{"field": "project", "message": said}]
        raise Problem("invalid-request", 422, _("Invalid request"), said, fields=fields)
