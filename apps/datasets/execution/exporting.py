"""Making an export: file by file, each stored before it is told, so that whoever goes on makes the same files.

What is read is what the version may give away at the start (``revision``). At the end the version is locked and looked
through again: were rows removed meanwhile, everything begins anew, so no finished export holds what was withdrawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.assets import storage
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.datasets.execution import lines
from apps.datasets.execution.parts import Feed, Part, part_write
from apps.datasets.execution.reconciling import version_reconcile
from apps.datasets.execution.recording import moment
from apps.datasets.execution.sweeping import export_prefix, objects_trim
from apps.datasets.models import Export, ExportState, Format, Version

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
# A task stops at the next file after this long; the message it leaves goes on.
TASK_S = 90.0
# One at a time in a process: its memory and processor are also those of dozens of threads that wait for others.
_making = Lock()
LATER_S = 2.0
# Claims without a file stored between them.
TRIES = 5
TYPES = {Format.PARQUET: "application/vnd.apache.parquet", Format.JSONL: "application/x-ndjson"}


class ClaimLost(Exception):
    """Another worker makes this export now."""


def export_turn(*, workspace_id: UUID, export_id: UUID) -> float | None:
    """Make an export, or the next part of it, while no other thread of this process is at one.

    Seconds until its next turn, behind whatever else waits then; None when there is nothing left to do.
    """
    if not _making.acquire(blocking=False):
        return LATER_S
    try:
        return 0.0 if export_make(workspace_id=workspace_id, export_id=export_id) else None
    finally:
        _making.release()


def export_make(*, workspace_id: UUID, export_id: UUID, seconds: float = TASK_S) -> bool:
    """Make the export, or the next part of it; True when there is more to do. Nothing happens while another works."""
    until = time.monotonic() + seconds
    with scope(workspace_id):
        export = _claim(workspace_id, export_id)
        if export is None:
            return False
        try:
            return _go_on(export, until)
        except ClaimLost:
            return False


def _claim(workspace_id: UUID, export_id: UUID) -> Export | None:
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    rows = Export.objects.filter(free, id=export_id, state__in=[ExportState.QUEUED, ExportState.RUNNING])
    claimed = {"state": ExportState.RUNNING, "lease_until": now + LEASE, "fence": F("fence") + 1}
    if not rows.update(**claimed, tries=F("tries") + 1):
        return None
    export: Export = Export.objects.select_related("version__dataset", "workspace").get(id=export_id)
    if export.tries > TRIES:
        _update(export, state=ExportState.FAILED, error="tries", lease_until=None, finished_at=now)
        return None
    if not export.files:
        _begin(export)
    return export


def _begin(export: Export) -> None:
    """Fix which state of the version is exported."""
    version = version_reconcile(export.workspace_id, export.version_id, timezone.now())
    total = version.rows - version.removed
    _update(export, revision=version.revision, total=total, done=0, after=[], files=[])


def _go_on(export: Export, until: float) -> bool:
    """Store files until there is no row left or the time is up."""
    about, feed = about_version(export), Feed(export)
    with TemporaryDirectory(prefix="millrace-export-") as folder:
        while True:
            path = Path(folder) / "part"
            part = part_write(export, feed, about, path, _tick(export))
            if part is None:
                return _publish(export, about)
            _keep(export, part, path)
            if time.monotonic() > until:
                _update(export, lease_until=None)
                return True


def _tick(export: Export) -> Callable[[int], None]:
    """Tell how far it is and keep the lease, a few times a minute at most."""
    begun, last = export.done, [time.monotonic()]

    def tick(rows: int) -> None:
        if time.monotonic() - last[0] >= 2:
            last[0] = time.monotonic()
            _update(export, done=begun + rows, lease_until=timezone.now() + LEASE)
            export.done = begun

    return tick


def _keep(export: Export, part: Part, path: Path) -> None:
    """Store a file, then tell of it. Killed between the two, the next worker writes the same object again."""
    told = {"name": part.name, "size": path.stat().st_size, "rows": part.rows, "sha256": storage.file_digest(path)}
    content_type = TYPES.get(Format(export.format), "application/x-tar")
    storage.object_put(path, export_prefix(export) + part.name, content_type)
    path.unlink()
    done, files = export.done + part.rows, [*export.files, told]
    _update(export, files=files, after=part.after, done=done, tries=0, lease_until=timezone.now() + LEASE)


def _publish(export: Export, about: dict[str, Any]) -> bool:
    """Close the export, unless rows of its version were removed meanwhile: then it begins anew (True)."""
    prefix = export_prefix(export)
    manifest = orjson.dumps({**about, "files": export.files}, option=orjson.OPT_INDENT_2)
    storage.object_put_bytes(manifest, prefix + "manifest.json", "application/json")
    told = {"name": "manifest.json", "size": len(manifest), "rows": 0, "sha256": ""}
    names = {str(file["name"]) for file in export.files} | {"manifest.json"}
    objects_trim(prefix, keep={prefix + name for name in names})
    now = timezone.now()
    with transaction.atomic():
        version = version_reconcile(export.workspace_id, export.version_id, now)
        if version.revision != export.revision:
            # Its files hold what may not leave: they are written over, and what is left of them trimmed.
            _update(export, files=[], after=[], done=0, lease_until=None, state=ExportState.QUEUED)
            return True
        done = {"done": export.total, "lease_until": None, "finished_at": now}
        _update(export, state=ExportState.READY, files=[*export.files, told], **done)
    log.info("export ready", action="export_make", export=str(export.id), rows=export.total)
    return False


def _update(export: Export, **fields: Any) -> None:
    """Write as the claimant; raises ClaimLost when that is another by now."""
    if not Export.objects.filter(id=export.id, fence=export.fence).update(**fields):
        raise ClaimLost(ClaimLost.__doc__)
    for name, value in fields.items():
        setattr(export, name, value)
    poke(f"workspace.{export.workspace_id}", export=export.id)


def about_version(export: Export) -> dict[str, Any]:
    """What every file says of where it comes from."""
    version: Version = export.version
    changes = version.changes.for_workspace(export.workspace_id).order_by("created_at", "id")
    return {
        "schema": lines.SCHEMA,
        "dataset": {"id": str(version.dataset_id), "name": version.dataset.name},
        "version": version.number,
        "revision": export.revision,
        "note": version.note,
        "filter": version.chosen,
        "frozen_at": moment(version.frozen_at),
        "workspace": str(export.workspace_id),
        "rows": export.total,
        "changelog": [
            {"at": moment(change.created_at), "kind": change.kind, "why": change.why or None, "rows": change.count}
            for change in changes
        ],
    }
