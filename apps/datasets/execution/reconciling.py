"""What may still be exported: consent that was withdrawn and files that were deleted reach every version.

Only here is decided whether a row may leave; :func:`version_reconcile` looks at the generations as they are now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone

from apps.common.live import poke
from apps.common.tenancy import scope, unscoped
from apps.datasets.execution.recording import workspace_allows
from apps.datasets.models import Change, ChangeKind, Export, ExportState, Recheck, Version, VersionState

log = structlog.get_logger(__name__)
CHECKS_PER_TICK = 20

# A file counts as deleted from the moment it is in the trash. An output whose asset is gone for good has lost its row
# in generations_generationoutput too, so those are counted against what the generation says it made.
_RECONCILE = """
    WITH judged AS (
        SELECT r.id, r.why AS before, CASE
            WHEN g.id IS NULL THEN 'generation_deleted'
            WHEN NOT COALESCE(g.consent, %(allowed)s) THEN 'consent_withdrawn'
            WHEN jsonb_array_length(g.outputs) > COALESCE(made.count, 0) THEN 'asset_deleted'
            WHEN g.inputs <> '{}'::jsonb AND EXISTS (
                SELECT FROM jsonb_path_query(g.inputs, '$.**."$asset"') AS used
                WHERE NOT EXISTS (
                    SELECT FROM assets_asset AS a
                    WHERE a.workspace_id = r.workspace_id AND a.id = (used #>> '{}')::uuid AND a.trashed_at IS NULL
                )
            ) THEN 'asset_deleted'
            ELSE '' END AS after
        FROM datasets_row AS r
        LEFT JOIN generations_generation AS g ON g.id = r.generation_id AND g.workspace_id = r.workspace_id
        LEFT JOIN (
            SELECT o.generation_id, count(*) AS count
            FROM generations_generationoutput AS o
            JOIN assets_asset AS a ON a.id = o.asset_id AND a.workspace_id = o.workspace_id AND a.trashed_at IS NULL
            JOIN datasets_row AS mine ON mine.generation_id = o.generation_id AND mine.version_id = %(version)s
            WHERE o.workspace_id = %(workspace)s
            GROUP BY o.generation_id
        ) AS made ON made.generation_id = r.generation_id
        WHERE r.workspace_id = %(workspace)s AND r.version_id = %(version)s
    ), changed AS (
        UPDATE datasets_row AS r SET why = judged.after
        FROM judged WHERE judged.id = r.id AND judged.before <> judged.after
        RETURNING judged.before, judged.after
    )
    SELECT before, after, count(*) FROM changed GROUP BY before, after ORDER BY before, after
"""


def recheck_want(workspace_id: UUID) -> None:
    """Have the versions of a workspace looked through soon; committed with the change that calls for it."""
    row = Recheck(workspace_id=workspace_id, wanted_at=timezone.now())
    Recheck.objects.for_workspace(workspace_id).bulk_create(
        [row], update_conflicts=True, unique_fields=["workspace"], update_fields=["wanted_at"]
    )


def rechecks_want_all() -> None:
    """Have every version of every workspace looked through."""
    with unscoped("the sweeper serves every workspace"):
        workspaces = list(Version.objects.order_by().values_list("workspace_id", flat=True).distinct())
    for workspace_id in workspaces:
        recheck_want(workspace_id)


def rechecks_do(now: datetime) -> int:
    """Look through the versions of workspaces where something changed; how many workspaces."""
    with unscoped("the sweeper serves every workspace"):
        wanted = list(Recheck.objects.order_by("wanted_at").values_list("id", "workspace_id", "wanted_at"))
    for row_id, workspace_id, wanted_at in wanted[:CHECKS_PER_TICK]:
        workspace_reconcile(workspace_id, now)
        with scope(workspace_id):
            # What came in meanwhile has another time and is looked at again.
            Recheck.objects.filter(id=row_id, wanted_at=wanted_at).delete()
    return len(wanted[:CHECKS_PER_TICK])


def workspace_reconcile(workspace_id: UUID, now: datetime) -> None:
    """Look through all versions of one workspace."""
    with scope(workspace_id):
        for version_id in Version.objects.filter(state=VersionState.FROZEN).order_by("id").values_list("id", flat=True):
            version_reconcile(workspace_id, version_id, now)


def version_reconcile(workspace_id: UUID, version_id: UUID, now: datetime) -> Version:
    """Mark the rows that may not leave any more, unmark those that may again, and write both into the changelog.

    Exports that hold a removed row are outdated at once. Returns the version, locked for the running transaction.
    """
    with scope(workspace_id), transaction.atomic():
        version: Version = Version.objects.select_for_update().get(id=version_id)
        changes = _judge(version) if version.is_frozen else []
        if not changes:
            return version
        lines = [line for change in changes for line in _changelog(version, *change, now)]
        Change.objects.bulk_create(lines)
        removed = sum(line.count for line in lines if line.kind == ChangeKind.REMOVED)
        back = sum(line.count for line in lines if line.kind == ChangeKind.RESTORED)
        version.removed += removed - back
        version.revision += 1
        version.save(update_fields=["removed", "revision"])
        if removed:
            Export.objects.filter(version=version, state=ExportState.READY).update(state=ExportState.OUTDATED)
        poke(f"workspace.{workspace_id}", dataset=version.dataset_id)
    log.info("version changed", action="version_reconcile", version=str(version_id), removed=removed, restored=back)
    return version


def _judge(version: Version) -> list[tuple[str, str, int]]:
    """``(reason before, reason after, rows)`` of what changed."""
    values: dict[str, Any] = {
        "workspace": version.workspace_id,
        "version": version.id,
        "allowed": workspace_allows(version.workspace_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECONCILE, values)
        return [(before, after, count) for before, after, count in cursor.fetchall()]


def _changelog(version: Version, before: str, after: str, count: int, now: datetime) -> list[Change]:
    """A row that stays removed, only for another reason, came back and went again: so the counts add up."""
    told = [(ChangeKind.RESTORED, before)] if before else []
    told += [(ChangeKind.REMOVED, after)] if after else []
    return [
        Change(
            workspace_id=version.workspace_id,
            version=version,
            kind=kind,
            why=why,
            count=count,
            created_at=now + timedelta(microseconds=place),
        )
        for place, (kind, why) in enumerate(told)
    ]
