"""Which generations a dataset is made of: one filter for the builder's page and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.datasets.execution.recording import workspace_allows
from apps.datasets.models import Licence
from apps.generations.models import LIVE, Generation, GenerationState
from apps.projects.models import Project

KINDS = (("image", _("Image")), ("video", _("Video")), ("audio", _("Audio")), ("text", _("Text")))
CONSENTS = (
    ("any", _("Given by the workspace or for the generation itself")),
    ("own", _("Given for the generation itself")),
)
STATES = tuple(str(state) for state in GenerationState if state not in LIVE)


@dataclass(frozen=True)
class Selection:
    """An empty value means any. ``consent`` ``own`` takes only what was agreed to one by one; without consent, nothing.

    ``rating`` is the least; all ``tags`` must be there; ``since`` and ``until`` are days in UTC, both included.
    """

    models: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ("succeeded",)
    rating: int | None = None
    tags: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    consent: str = "any"
    project: UUID | None = None
    since: date | None = None
    until: date | None = None

    def matching(self, workspace_id: UUID) -> QuerySet[Generation]:
        """What fits, whoever agreed or not, with its ``licence``."""
        rows: QuerySet[Generation] = Generation.objects.for_workspace(workspace_id)
        # A dataset is the whole workspace's, so what is private takes no part in it, whoever asks.
        private = Project._base_manager.filter(workspace_id=workspace_id, private=True)
        rows = rows.exclude(project_id__in=private.values("id"))
        rows = rows.filter(self._conditions()).annotate(licence=_licence(workspace_id))
        return rows.filter(licence__in=self.licences) if self.licences else rows

    def allowed(self, workspace_id: UUID) -> QuerySet[Generation]:
        """What fits and may be used."""
        agreed = Q(consent=True)
        if self.consent != "own" and workspace_allows(workspace_id):
            agreed |= Q(consent=None)
        return self.matching(workspace_id).filter(agreed)

    def document(self) -> dict[str, Any]:
        """The filter as JSON, as versions keep it."""
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in (None, ())
        }
        return {name: str(value) if isinstance(value, (UUID, date)) else value for name, value in plain.items()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Selection:
        """The filter that :meth:`document` gave."""
        days: Callable[[str], Any] = date.fromisoformat
        readers: dict[str, Callable[[Any], Any]] = {"project": UUID, "since": days, "until": days}
        told: dict[str, Any] = {}
        for name, value in document.items():
            plain = tuple(value) if isinstance(value, list) else value
            told[name] = readers[name](plain) if name in readers else plain
        return cls(**told)

    def _conditions(self) -> Q:
        found = Q(state__in=self.states or STATES)
        if self.models:
            found &= Q(model__in=self.models)
        if self.kinds:
            found &= Q(kind__in=self.kinds)
        if self.rating:
            found &= Q(rating__gte=self.rating)
        if self.tags:
            found &= Q(tags__contains=list(self.tags))
        if self.project:
            found &= Q(project_id=self.project)
        if self.since:
            found &= Q(created_at__gte=_midnight(self.since))
        if self.until:
            found &= Q(created_at__lt=_midnight(self.until) + timedelta(days=1))
        return found


@dataclass(frozen=True)
class Preview:
    """What a version of this selection would hold. ``left_out`` fits, but nobody agreed to it."""

    rows: int
    left_out: int
    files: int
    models: list[dict[str, Any]]


def preview(selection: Selection, workspace_id: UUID) -> Preview:
    """Count, without making anything."""
    allowed = selection.allowed(workspace_id)
    models: list[dict[str, Any]] = [
        dict(one) for one in allowed.values("model").annotate(rows=Count("id")).order_by("-rows", "model")
    ]
    rows = sum(one["rows"] for one in models)
    files = allowed.annotate(files=_files()).aggregate(total=Sum("files"))["total"] or 0
    left_out = selection.matching(workspace_id).count() - rows
    return Preview(rows, left_out, files, models[:12])


def _files() -> Any:
    from django.db.models import Func, IntegerField

    return Func(F("outputs"), function="jsonb_array_length", output_field=IntegerField())


def _licence(workspace_id: UUID) -> Any:
    """The licence of a generation's model, else the workspace's, else ""."""
    known = Licence.objects.for_workspace(workspace_id)
    own = Subquery(known.filter(model=OuterRef("model")).values("text")[:1])
    general = Subquery(known.filter(model="").values("text")[:1])
    return Coalesce(own, general, Value(""))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())
