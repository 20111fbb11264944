"""Datasets: the list, the builder, a version with its changelog and exports."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.datasets import services
from apps.datasets.execution.recording import workspace_allows
from apps.datasets.forms import BuilderForm, ExportForm, SelectionForm
from apps.datasets.fragments import datasets_listed, export_sentence, selection_shown, version_sentence, versions_last
from apps.datasets.models import Dataset, Export, Row, Version
from apps.datasets.selection import preview
from apps.generations.models import Generation
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

PAGE = 30
SAMPLE = 8
# The states of an export among those that every page draws alike.
VERSION_LOOKS = {"freezing": "running", "frozen": "completed", "failed": "failed", "cancelled": "cancelled"}
LOOKS = {"queued": "pending", "running": "running", "ready": "completed", "failed": "failed", "outdated": "skipped"}


@require_GET
@member_required(role=Role.VIEWER)
def dataset_list(request: MemberRequest) -> HttpResponse:
    """Every dataset with its newest version."""
    try:
        found, following = keyset_page(
            datasets_listed(request.workspace.id), limit=PAGE, cursor=request.GET.get("cursor")
        )
    except Problem as problem:
        raise Http404 from problem
    last = versions_last(request.workspace.id, found)
    context = {
        "datasets": [(dataset, last.get(dataset.id)) for dataset in found],
        "next": following,
        "may_edit": _may_edit(request),
        "allows": workspace_allows(request.workspace.id),
    }
    more = request.htmx and request.GET.get("cursor")
    return render(request, f"datasets/dataset_list.html{'#rows' if more else ''}", context)


@require_http_methods(["GET", "POST"])
@member_required(role=Role.EDITOR)
def dataset_build(request: MemberRequest) -> HttpResponse:
    """Filter, see what it holds, freeze it: as a new dataset, or (``?dataset=``) as another version of one."""
    dataset = _dataset(request, request.GET["dataset"]) if request.GET.get("dataset") else None
    options: dict[str, Any] = {"workspace_id": request.workspace.id, "dataset": dataset}
    form = BuilderForm(request.POST or None, initial=_initial(dataset), **options)
    version = _freeze(request, form, dataset) if request.method == "POST" and form.is_valid() else None
    if version is not None:
        return redirect("datasets:version_detail", request.workspace.slug, version.dataset_id, version.number)
    context = {"form": form, "dataset": dataset, "allows": workspace_allows(request.workspace.id)}
    refused = request.method == "POST"
    return render(request, "datasets/dataset_build.html", context, status=422 if refused else 200)


@require_GET
@never_cache
@member_required(role=Role.EDITOR)
def selection_preview(request: MemberRequest) -> HttpResponse:
    """What the builder's form holds as it stands."""
    form = SelectionForm(request.GET, workspace_id=request.workspace.id)
    context: dict[str, Any] = {"form": form, "allows": workspace_allows(request.workspace.id)}
    if form.is_valid():
        context["preview"] = preview(form.selection(), request.workspace.id)
    return render(request, "datasets/_preview.html", context)


@require_GET
@member_required(role=Role.VIEWER)
def dataset_detail(request: MemberRequest, dataset_id: UUID) -> HttpResponse:
    """All versions of a dataset."""
    dataset = _dataset(request, dataset_id)
    versions = Version.objects.filter(dataset=dataset).select_related("created_by").order_by("-number")
    build = reverse("datasets:dataset_build", args=[request.workspace.slug])
    context = {"dataset": dataset, "versions": versions[:500], "may_edit": _may_edit(request)}
    if context["may_edit"]:
        context["build_url"] = f"{build}?dataset={dataset.id}"
    return render(request, "datasets/dataset_detail.html", context)


@require_GET
@member_required(role=Role.VIEWER)
def version_detail(request: MemberRequest, dataset_id: UUID, version: int) -> HttpResponse:
    """One version: what was chosen, the changelog, the exports, and some of its rows."""
    found = _version(request, dataset_id, version)
    rows = list(Row.objects.filter(version=found).order_by("position")[:SAMPLE])
    made = Generation.objects.filter(id__in=[row.generation_id for row in rows])
    generations = {one.id: one for one in made}
    context = {
        **_exports(request, found),
        **_freezing(request, found),
        "chosen": selection_shown(found),
        "changes": found.changes.order_by("-created_at", "-id")[:100],
        "sample": [(row, generations.get(row.generation_id)) for row in rows],
        "form": ExportForm(),
    }
    return render(request, "datasets/version_detail.html", context)


@require_GET
@never_cache
@member_required(role=Role.VIEWER)
def version_progress(request: MemberRequest, dataset_id: UUID, version: int) -> HttpResponse:
    """How far the freezing is, fetched again while it lasts; then the page is loaded anew."""
    found = _version(request, dataset_id, version)
    response = render(request, "datasets/_freezing.html", _freezing(request, found))
    if not found.is_live:
        response.headers["HX-Refresh"] = "true"
    return response


@require_POST
@member_required(role=Role.EDITOR)
def version_cancel(request: MemberRequest, dataset_id: UUID, version: int) -> HttpResponse:
    """Stop freezing; the version's page says what became of it."""
    found = _version(request, dataset_id, version)
    try:
        services.version_cancel(workspace_id=request.workspace.id, version=found)
    except services.NotFreezing:
        messages.info(request, _("This version is not being frozen any more."))
    return redirect("datasets:version_detail", request.workspace.slug, dataset_id, version)


@require_http_methods(["GET", "POST"])
@never_cache
@member_required(role=Role.VIEWER)
def version_exports(request: MemberRequest, dataset_id: UUID, version: int) -> HttpResponse:
    """The exports of a version as a fragment, fetched again while one is being made; POST (editors) starts one."""
    found = _version(request, dataset_id, version)
    problem, form = "", ExportForm(request.POST)
    if request.method == "POST":
        problem = _start(request, found, form)
        if not request.htmx:
            return redirect("datasets:version_detail", request.workspace.slug, dataset_id, version)
    context = {**_exports(request, found), "problem": problem}
    return render(request, "datasets/_exports.html", context, status=422 if problem else 200)


@require_GET
@never_cache
@member_required(role=Role.VIEWER)
def export_file(request: MemberRequest, export_id: UUID, index: int) -> HttpResponse:
    """A file of a finished export: on to a link that works for ten minutes."""
    try:
        link = services.export_link(workspace_id=request.workspace.id, export_id=export_id, index=index)
    except services.DatasetNotFound as error:
        raise Http404 from error
    except services.ExportNotReady:
        export = Export.objects.select_related("version").get(id=export_id)
        messages.error(request, export_sentence(export) or _("This export is still being made."))
        return redirect(
            "datasets:version_detail", request.workspace.slug, export.version.dataset_id, export.version.number
        )
    return redirect(link)


def _start(request: MemberRequest, version: Version, form: ExportForm) -> str:
    """Start an export; a sentence when that is refused."""
    if not _may_edit(request):
        raise PermissionDenied
    if not form.is_valid():
        return _("There is no such format.")
    chosen = {"kind": form.cleaned_data["format"], "partition": form.cleaned_data["partition"] or "date"}
    try:
        services.export_start(workspace_id=request.workspace.id, version=version, actor_id=request.user.id, **chosen)
    except services.ExportRunning:
        return _("This version is being exported in this format already.")
    except services.VersionNotFrozen:
        return _("This version is not frozen, so there is nothing to export.")
    return ""


def _freeze(request: MemberRequest, form: BuilderForm, dataset: Dataset | None) -> Version | None:
    """The version that is being frozen; None when the form now says why there is none."""
    workspace_id, actor_id = request.workspace.id, request.user.id
    try:
        with transaction.atomic():
            target = dataset or services.dataset_create(
                workspace_id=workspace_id, name=form.cleaned_data["name"], actor_id=actor_id
            )
            return services.version_freeze(
                workspace_id=workspace_id,
                dataset_id=target.id,
                selection=form.selection(),
                note=form.cleaned_data["note"],
                actor_id=actor_id,
            )
    except services.NothingSelected:
        form.add_error(None, _("Nothing fits this selection that anybody agreed to."))
    return None


def _initial(dataset: Dataset | None) -> dict[str, Any]:
    """A further version begins with what the last one chose."""
    last = dataset.versions.order_by("-number").first() if dataset else None
    if last is None:
        return {}
    chosen = dict(last.chosen)
    return {**chosen, "tags": ", ".join(chosen.get("tags", ()))}


def _exports(request: MemberRequest, version: Version) -> dict[str, Any]:
    rows = list(version.exports.select_related("created_by").order_by("-created_at", "-id")[:50])
    return {
        "version": version,
        "dataset": version.dataset,
        "exports": [(row, LOOKS[row.state], export_sentence(row)) for row in rows],
        "live": any(row.is_live for row in rows),
        "may_edit": _may_edit(request),
    }


def _freezing(request: MemberRequest, version: Version) -> dict[str, Any]:
    return {
        "version": version,
        "dataset": version.dataset,
        "sentence": version_sentence(version),
        "look": VERSION_LOOKS[version.state],
        "may_edit": _may_edit(request),
    }


def _dataset(request: MemberRequest, dataset_id: UUID | str) -> Dataset:
    try:
        found: Dataset | None = Dataset.objects.filter(id=UUID(str(dataset_id))).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found


def _version(request: MemberRequest, dataset_id: UUID, number: int) -> Version:
    rows = Version.objects.filter(dataset_id=dataset_id, number=number).select_related("dataset", "created_by")
    found: Version | None = rows.first()
    if found is None:
        raise Http404
    return found


def _may_edit(request: MemberRequest) -> bool:
    return request.role.includes(Role.EDITOR)
