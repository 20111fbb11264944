"""What pages and API show of datasets, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, QuerySet
from django.utils.translation import gettext as _

from apps.datasets.execution.recording import workspace_allows
from apps.datasets.models import Consent, Dataset, Export, ExportState, Version, VersionState
from apps.datasets.selection import CONSENTS, KINDS
from apps.generations.models import Generation, GenerationState
from apps.projects.models import Project
from apps.providers.catalogue import MODELS


def datasets_listed(workspace_id: UUID) -> QuerySet[Dataset]:
    """A workspace's datasets with how many versions each has."""
    rows: QuerySet[Dataset] = Dataset.objects.for_workspace(workspace_id)
    return rows.annotate(version_count=Count("versions"), frozen_at=Max("versions__created_at"))


def versions_last(workspace_id: UUID, datasets: Sequence[Dataset]) -> dict[UUID, Version]:
    """The newest version of each dataset that has one, be it still freezing."""
    rows = Version.objects.for_workspace(workspace_id).filter(dataset__in=datasets, state__in=["freezing", "frozen"])
    return {row.dataset_id: row for row in rows.order_by("dataset_id", "-number").distinct("dataset_id")}


def selection_shown(version: Version) -> list[tuple[str, str]]:
    """The filter of a version as ``(what, value)`` in words."""
    chosen: dict[str, Any] = version.chosen
    words = {**{key: str(label) for key, label in KINDS}, **{str(k): str(v) for k, v in GenerationState.choices}}
    shown = [
        (_("Kind"), ", ".join(words.get(one, one) for one in chosen.get("kinds", ()))),
        (_("Models"), ", ".join(_title(one) for one in chosen.get("models", ()))),
        (_("State"), ", ".join(words.get(one, one) for one in chosen.get("states", ()))),
        (_("At least"), "★" * int(chosen.get("rating") or 0)),
        (_("Tags"), ", ".join(chosen.get("tags", ()))),
        (_("Licence"), ", ".join(text or _("None named") for text in chosen.get("licences", ()))),
        (_("Consent"), str(dict(CONSENTS).get(chosen.get("consent", "any"), ""))),
        (_("Project"), _project(version, chosen.get("project"))),
        (_("From"), chosen.get("since", "")),
        (_("To"), chosen.get("until", "")),
    ]
    return [(what, value) for what, value in shown if value]


def _title(model: str) -> str:
    return _(MODELS[model].title) if model in MODELS else model


def _project(version: Version, project: str | None) -> str:
    if not project:
        return ""
    found = Project.objects.for_workspace(version.workspace_id).filter(id=project).first()
    return found.name if found else project


def version_sentence(version: Version) -> str:
    """Why there is no such version and what to do; "" while it is freezing or when it is there."""
    if version.state == VersionState.CANCELLED:
        return _("It was cancelled before it was done, so it holds nothing. What was chosen is kept: freeze it again.")
    return version.get_error_display() if version.state == VersionState.FAILED else ""


def export_sentence(export: Export) -> str:
    """What a person should know of an export that has no files; "" when there is nothing to say."""
    if export.state == ExportState.FAILED:
        return _("It could not be made after several tries. Its files may be out of reach just now; make it anew.")
    if export.state == ExportState.OUTDATED:
        return _("Rows of this version were removed after it was made, so it is no longer handed out. Make it anew.")
    return ""


def consent_shown(generation: Generation) -> dict[str, Any]:
    """What holds for one generation, and who last said so."""
    rows = Consent.objects.for_workspace(generation.workspace_id).select_related("actor")
    workspace = workspace_allows(generation.workspace_id)
    return {
        "row": generation,
        "workspace_allows": workspace,
        "given": workspace if generation.consent is None else generation.consent,
        "last": rows.filter(generation_id=generation.id).order_by("-created_at").first(),
    }
