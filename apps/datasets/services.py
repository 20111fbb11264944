"""The door for writes: consent, licences, datasets, versions, exports."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from apps.assets import storage
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.datasets.execution.reconciling import recheck_want, version_reconcile
from apps.datasets.execution.recording import workspace_allows
from apps.datasets.execution.sweeping import export_prefix
from apps.datasets.models import Consent, Dataset, Export, ExportState, Licence, Version, VersionState
from apps.datasets.selection import Selection
from apps.datasets.tasks import export_make, version_fix
from apps.generations.models import Generation
from apps.workspaces.audit import audit_record, audit_row

# How long a link to a file of an export works.
LINK_SECONDS = 600
LICENCES_MAX = 200


class DatasetNotFound(Exception):
    """There is no such dataset, version or export in this workspace."""


class GenerationMissing(Exception):
    """There is no such generation in this workspace."""


class NothingSelected(Exception):
    """Nothing fits this selection that anybody agreed to."""


class NotFreezing(Exception):
    """This version is not being frozen any more."""


class VersionNotFrozen(Exception):
    """Only a frozen version has rows to export."""


class ExportRunning(Exception):
    """This version is being exported in this format already."""


class ExportNotReady(Exception):
    """This export has no files: it is not done yet, or rows of its version were removed since."""


class TooManyLicences(Exception):
    """A workspace may name 200 licences."""


def workspace_consent_set(*, workspace_id: UUID, allowed: bool, actor_id: UUID | None) -> None:
    """Say whether generations of this workspace may enter datasets; the history keeps who and when."""
    with scope(workspace_id), transaction.atomic():
        # One decision at a time, so that the newest row is the last one said.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [str(workspace_id)])
        if workspace_allows(workspace_id) == allowed:
            return
        Consent.objects.create(workspace_id=workspace_id, allowed=allowed, actor_id=actor_id)
        audit_record(
            workspace_id=workspace_id,
            action="workspace_consent_set",
            before={"allowed": not allowed},
            after={"allowed": allowed},
            actor_id=actor_id,
        )
        recheck_want(workspace_id)


def generation_consent_set(
    *, workspace_id: UUID, generation_id: UUID, allowed: bool | None, actor_id: UUID | None
) -> Generation:
    """Say it of one generation; None leaves it to the workspace. Raises GenerationMissing."""
    with scope(workspace_id), transaction.atomic():
        row: Generation | None = Generation.objects.select_for_update().filter(id=generation_id).first()
        if row is None:
            raise GenerationMissing(GenerationMissing.__doc__)
        if row.consent != allowed:
            audit_record(
                workspace_id=workspace_id,
                action="generation_consent_set",
                target_id=generation_id,
                before={"allowed": row.consent},
                after={"allowed": allowed},
                actor_id=actor_id,
            )
            row.consent = allowed
            row.save(update_fields=["consent"])
            Consent.objects.create(
                workspace_id=workspace_id, generation_id=generation_id, allowed=allowed, actor_id=actor_id
            )
            recheck_want(workspace_id)
    return row


def licence_set(*, workspace_id: UUID, model: str, text: str, actor_id: UUID | None) -> None:
    """Name the licence of what a model makes ("" for all others); an empty text takes it back. TooManyLicences."""
    with scope(workspace_id), transaction.atomic():
        rows = Licence.objects.filter(model=model)
        before = rows.values_list("text", flat=True).first() or ""
        audit_record(
            workspace_id=workspace_id,
            action="licence_set",
            target=model,
            before={"text": before},
            after={"text": text},
            actor_id=actor_id,
        )
        if not text:
            rows.delete()
        elif not rows.update(text=text, actor_id=actor_id):
            if Licence.objects.count() >= LICENCES_MAX:
                raise TooManyLicences(TooManyLicences.__doc__)
            Licence.objects.create(workspace_id=workspace_id, model=model, text=text, actor_id=actor_id)


def dataset_create(*, workspace_id: UUID, name: str, description: str = "", actor_id: UUID | None = None) -> Dataset:
    """A dataset without a version yet."""
    with scope(workspace_id), transaction.atomic():
        made: Dataset = Dataset.objects.create(
            workspace_id=workspace_id, name=name, description=description, created_by_id=actor_id
        )
        audit_row("dataset_create", made, actor_id)
    return made


def version_freeze(
    *, workspace_id: UUID, dataset_id: UUID, selection: Selection, note: str = "", actor_id: UUID | None = None
) -> Version:
    """Have what the selection holds fixed as the dataset's next version, by a worker: watch its ``state``.

    Raises DatasetNotFound, NothingSelected.
    """
    with scope(workspace_id), transaction.atomic():
        dataset: Dataset | None = Dataset.objects.select_for_update().filter(id=dataset_id).first()
        if dataset is None:
            raise DatasetNotFound(DatasetNotFound.__doc__)
        if not selection.allowed(workspace_id).exists():
            raise NothingSelected(NothingSelected.__doc__)
        last = Version.objects.filter(dataset=dataset).aggregate(last=Max("number"))["last"] or 0
        version: Version = Version.objects.create(
            workspace_id=workspace_id,
            dataset=dataset,
            number=last + 1,
            note=note,
            chosen=selection.document(),
            created_by_id=actor_id,
        )
        audit_row("dataset_freeze", dataset, actor_id, after={"version": version.number})
        version_fix.delay_on_commit(workspace_id=str(workspace_id), version_id=str(version.id))
    return version


def version_cancel(*, workspace_id: UUID, version: Version) -> Version:
    """Stop freezing: no row of it stays. Raises NotFreezing when that is over already."""
    with scope(workspace_id):
        # Whoever freezes it sees at the next rows, and at the latest before it commits, that the claim is gone.
        rows = Version.objects.filter(id=version.id, state=VersionState.FREEZING)
        stopped = {"state": VersionState.CANCELLED, "lease_until": None, "rows": 0, "done": 0}
        if not rows.update(**stopped, fence=F("fence") + 1):
            raise NotFreezing(NotFreezing.__doc__)
        version.refresh_from_db()
        poke(f"workspace.{workspace_id}", dataset=version.dataset_id)
    return version


def export_start(
    *, workspace_id: UUID, version: Version, kind: str, partition: str = "date", actor_id: UUID | None = None
) -> Export:
    """Have a version exported by the ``work`` lane. Raises ExportRunning, VersionNotFrozen."""
    with scope(workspace_id), transaction.atomic():
        locked = Version.objects.select_for_update().get(id=version.id)
        if not locked.is_frozen:
            raise VersionNotFrozen(VersionNotFrozen.__doc__)
        same = Export.objects.filter(version=locked, format=kind, partition=partition)
        if same.filter(state__in=[ExportState.QUEUED, ExportState.RUNNING]).exists():
            raise ExportRunning(ExportRunning.__doc__)
        export: Export = Export.objects.create(
            workspace_id=workspace_id,
            version=locked,
            format=kind,
            partition=partition,
            total=locked.rows - locked.removed,
            created_by_id=actor_id,
        )
        told = {"version": locked.number, "format": kind, "partition": partition, "rows": export.total}
        audit_row("dataset_export", locked.dataset, actor_id, after=told)
        export_make.delay_on_commit(workspace_id=str(workspace_id), export_id=str(export.id))
        poke(f"workspace.{workspace_id}", export=export.id)
    return export


def export_link(*, workspace_id: UUID, export_id: UUID, index: int) -> str:
    """A link to one file of a finished export, good for ten minutes. Raises DatasetNotFound, ExportNotReady.

    The version is looked through first: what was withdrawn a moment ago is not handed out.
    """
    with scope(workspace_id):
        export: Export | None = Export.objects.filter(id=export_id).first()
        if export is None:
            raise DatasetNotFound(DatasetNotFound.__doc__)
        if export.state == ExportState.READY:
            version_reconcile(workspace_id, export.version_id, timezone.now())
            export.refresh_from_db()
        if export.state != ExportState.READY:
            raise ExportNotReady(ExportNotReady.__doc__)
        if not 0 <= index < len(export.files):
            raise DatasetNotFound(DatasetNotFound.__doc__)
    name = str(export.files[index]["name"])
    flat = name.replace("/", "--").replace('"', "").encode("ascii", "replace").decode()
    return storage.object_url(
        export_prefix(export) + name,
        seconds=LINK_SECONDS,
        content_type="application/octet-stream",
        disposition=f'attachment; filename="{flat}"',
    )
