from __future__ import annotations

from uuid import UUID

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class RunsConfig(AppConfig):
    name = "apps.runs"
    label = "runs"
    verbose_name = gettext_lazy("Runs")

    def ready(self) -> None:
        """Listen to generations; tell workspaces which project a run is of, and the ledger which step paid."""
        from apps.billing import causes
        from apps.runs import receivers  # noqa: F401
        from apps.runs.places import generation_places
        from apps.workspaces import sight

        sight.project_finders["run_id"] = _project_of
        causes.place_finders.append(generation_places)


def _project_of(run_id: UUID) -> UUID | None:
    from apps.runs.models import Run

    found: UUID | None = Run.objects.filter(id=run_id).values_list("project_id", flat=True).first()
    return found
