"""Freezing a version: one statement chooses, so it is one moment's picture; one transaction writes, so all or nothing.

Killed anywhere, nothing of it is there, and the next claimant chooses anew. Whoever looks on sees how far it is:
a thread with a connection of its own tells it; that thread also keeps the claim, and learns when it is gone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.common.heartbeat import heartbeat
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.datasets.execution.reconciling import version_reconcile
from apps.datasets.models import Change, ChangeKind, FreezeError, Version, VersionState
from apps.datasets.selection import Selection

log = structlog.get_logger(__name__)
# So many generations may be frozen at once.
ROWS_MAX = 1_000_000
# Rows that are written between two looks at whether it is still wanted.
CHUNK = 10_000
LEASE = timedelta(seconds=30)
TELL_S = 1.0
TRIES = 5

_COLUMNS = "generation_id, model, rating, tags, licence"
_CHOSEN = """
    CREATE TEMPORARY TABLE datasets_chosen (
        position integer, generation_id uuid, model text, rating smallint, tags text[], licence text
    ) ON COMMIT DROP
"""
_WRITE = f"""
    INSERT INTO datasets_row (workspace_id, version_id, position, {_COLUMNS}, why)
    SELECT %s, %s, position, {_COLUMNS}, '' FROM datasets_chosen WHERE position BETWEEN %s AND %s
"""  # noqa: S608 (no value in it)


class ClaimLost(Exception):
    """It was cancelled, or another worker freezes this version now."""


class Refused(Exception):
    """The selection cannot be frozen; the argument is a :class:`FreezeError`."""


class Progress:
    """How far a claimed version is, told about once a second."""

    def __init__(self, version: Version) -> None:
        self.version, self.rows, self.done, self.lost = version, 0, 0, False

    def tell(self) -> None:
        """Write it down and keep the claim; notes when that is gone."""
        with scope(self.version.workspace_id):
            mine = Version.objects.filter(id=self.version.id, fence=self.version.fence, state=VersionState.FREEZING)
            told = {"rows": self.rows, "done": self.done, "lease_until": timezone.now() + LEASE}
            self.lost = not mine.update(**told)

    def check(self) -> None:
        """Raise ClaimLost when nobody wants this any more."""
        if self.lost:
            raise ClaimLost(ClaimLost.__doc__)


def version_fix(*, workspace_id: UUID, version_id: UUID) -> None:
    """Freeze the version; nothing happens while another worker does, or when it is over."""
    with scope(workspace_id):
        version = _claim(version_id)
        if version is None:
            return
        progress = Progress(version)
        try:
            with heartbeat(progress.tell, every_s=TELL_S), transaction.atomic():
                _choose(version, progress)
                _write(version, progress)
                _publish(version, progress.rows)
        except Refused as refused:
            over(version, refused.args[0])
        except ClaimLost:
            log.info("freezing stopped", action="version_fix", version=str(version.id))


def _claim(version_id: UUID) -> Version | None:
    now = timezone.now()
    rows = Version.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), state=VersionState.FREEZING)
    if not rows.filter(id=version_id).update(lease_until=now + LEASE, fence=F("fence") + 1, tries=F("tries") + 1):
        return None
    version: Version = Version.objects.get(id=version_id)
    if version.tries > TRIES:
        over(version, FreezeError.TRIES)
        return None
    return version


def _choose(version: Version, progress: Progress) -> None:
    """One statement, hence one snapshot: which generations, in which order, and what people say of them now."""
    columns = ("id", "created_at", "model", "rating", "tags", "licence")
    selection = Selection.from_document(version.chosen)
    rows = selection.allowed(version.workspace_id).order_by("created_at", "id").values(*columns)[: ROWS_MAX + 1]
    sql, params = rows.query.sql_with_params()
    statement = f"""
        INSERT INTO datasets_chosen (position, {_COLUMNS})
        SELECT row_number() OVER (ORDER BY created_at, id), id, model, rating, tags, licence FROM ({sql}) AS chosen
    """  # noqa: S608 (Django's own statement)
    with connection.cursor() as cursor:
        cursor.execute(_CHOSEN)
        cursor.execute(statement, params)
        progress.rows = int(cursor.rowcount)
        cursor.execute("CREATE INDEX ON datasets_chosen (position)")
        cursor.execute("ANALYZE datasets_chosen")
    if progress.rows == 0:
        raise Refused(FreezeError.NOTHING)
    if progress.rows > ROWS_MAX:
        raise Refused(FreezeError.TOO_MUCH)
    progress.check()


def _write(version: Version, progress: Progress) -> None:
    with connection.cursor() as cursor:
        for first in range(1, progress.rows + 1, CHUNK):
            cursor.execute(_WRITE, [version.workspace_id, version.id, first, first + CHUNK - 1])
            progress.done += cursor.rowcount
            progress.check()
        cursor.execute("DROP TABLE datasets_chosen")


def _publish(version: Version, rows: int) -> None:
    """Commit to it, unless the claim is gone. What lost a file before is said in the changelog from the start."""
    now = timezone.now()
    mine = Version.objects.filter(id=version.id, fence=version.fence, state=VersionState.FREEZING)
    frozen = {"state": VersionState.FROZEN, "rows": rows, "done": rows, "lease_until": None, "frozen_at": now}
    if not mine.update(**frozen):
        raise ClaimLost(ClaimLost.__doc__)
    told: dict[str, Any] = {"kind": ChangeKind.FROZEN, "count": rows, "created_at": now}
    Change.objects.create(workspace_id=version.workspace_id, version=version, **told)
    version_reconcile(version.workspace_id, version.id, timezone.now())
    poke(f"workspace.{version.workspace_id}", dataset=version.dataset_id)
    log.info("version frozen", action="version_fix", version=str(version.id), rows=rows)


def over(version: Version, error: FreezeError) -> None:
    """Say why there is no such version."""
    mine = Version.objects.filter(id=version.id, fence=version.fence, state=VersionState.FREEZING)
    mine.update(state=VersionState.FAILED, error=error, lease_until=None, rows=0, done=0)
    poke(f"workspace.{version.workspace_id}", dataset=version.dataset_id)
