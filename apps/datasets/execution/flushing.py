"""From the outbox to the store, without loss and without doubles, wherever a process is killed.

1. *Claim* (one transaction): a batch with its key, and the records that are in it.
2. *Put*: those records, in their order, under that key. Their bytes depend on the batch alone, so whoever puts it
   again, or at the same time, puts the same object.
3. *Mark* (one transaction): the batch is stored, the records' bodies go.

Killed before 1 is committed: nothing happened. Between 1 and 3: the batch is open, and the next flusher does 2 and 3.
An object holds the records of one workspace and one day, never of two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Count, Min

from apps.assets import storage
from apps.common.ids import uuid7
from apps.common.tenancy import scope, unscoped
from apps.datasets.models import Record, RecordBatch

log = structlog.get_logger(__name__)
RECORDS = 100
WAIT = timedelta(seconds=10)
# A batch that is open for so long was left by a process that died. One that only is slow does no harm: see 2.
ABANDONED = timedelta(seconds=30)
_BATCHES_PER_TICK = 200


def records_flush(now: datetime) -> int:
    """Store every batch that is due: full, waited for long enough, or left by another. How many objects were put."""
    count = 0
    for workspace_id, batch_id in _left(now):
        count += batch_store(workspace_id, batch_id, now)
    for workspace_id in _due(now):
        count += _workspace_flush(workspace_id, now)
    return count


def _workspace_flush(workspace_id: UUID, now: datetime) -> int:
    count = 0
    while count < _BATCHES_PER_TICK and (batch := batch_claim(workspace_id, now)):
        batch_store(workspace_id, batch.id, now)
        count += 1
    return count


def _due(now: datetime) -> Iterator[UUID]:
    with unscoped("the flusher serves every workspace"):
        waiting = Record.objects.filter(batch=None).order_by().values("workspace_id")
        rows = list(waiting.annotate(count=Count("generation_id"), first=Min("created_at")))
    for row in rows:
        if row["count"] >= RECORDS or row["first"] <= now - WAIT:
            yield row["workspace_id"]


def _left(now: datetime) -> list[tuple[UUID, UUID]]:
    with unscoped("the flusher serves every workspace"):
        rows = RecordBatch.objects.filter(stored_at=None, created_at__lt=now - ABANDONED).order_by("created_at")
        return list(rows.values_list("workspace_id", "id")[:_BATCHES_PER_TICK])


def batch_claim(workspace_id: UUID, now: datetime) -> RecordBatch | None:
    """A new batch of the oldest records of one day that nobody else claims; None while they may still wait."""
    with scope(workspace_id), transaction.atomic():
        waiting = Record.objects.filter(batch=None).order_by("created_at", "generation_id")
        rows = list(waiting.select_for_update(skip_locked=True).values_list("generation_id", "created_at")[:RECORDS])
        if not rows or (len(rows) < RECORDS and rows[0][1] > now - WAIT):
            return None
        day = rows[0][1].astimezone(UTC).date()
        ids = [generation_id for generation_id, at in rows if at.astimezone(UTC).date() == day]
        batch = RecordBatch(id=uuid7(), workspace_id=workspace_id, count=len(ids), created_at=now)
        batch.key = f"ws/{workspace_id}/generations/{day:%Y/%m/%d}/{batch.id}.jsonl"
        batch.save(force_insert=True)
        Record.objects.filter(generation_id__in=ids).update(batch=batch)
    return batch


def batch_store(workspace_id: UUID, batch_id: UUID, now: datetime) -> bool:
    """Put a claimed batch and mark it; False when somebody else had marked it."""
    with scope(workspace_id):
        batch: RecordBatch | None = RecordBatch.objects.filter(id=batch_id, stored_at=None).first()
        if batch is None:
            return False
        data = _lines(batch)
        if data is None:
            return False
        storage.object_put_bytes(data, batch.key, "application/x-ndjson")
        return _mark(batch, hashlib.sha256(data).hexdigest(), now)


def _lines(batch: RecordBatch) -> bytes | None:
    """The object's bytes; None when its records were marked while they were read."""
    rows = Record.objects.filter(batch=batch).order_by("created_at", "generation_id")
    bodies = list(rows.values_list("body", flat=True))
    if len(bodies) != batch.count or any(body is None for body in bodies):
        return None
    return b"".join(json.dumps(body, sort_keys=True, ensure_ascii=False).encode() + b"\n" for body in bodies)


def _mark(batch: RecordBatch, sha256: str, now: datetime) -> bool:
    with transaction.atomic():
        if not RecordBatch.objects.filter(id=batch.id, stored_at=None).update(stored_at=now, sha256=sha256):
            return False
        Record.objects.filter(batch=batch).update(body=None)
    log.info("records stored", action="records_flush", key=batch.key, count=batch.count)
    return True
