"""The flywheel: one record per settled generation, never lost, never twice, wherever a process dies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.assets import storage
from apps.common.ids import uuid7
from apps.common.tenancy import scope, unscoped
from apps.datasets import receivers
from apps.datasets.execution import flushing
from apps.datasets.execution.flushing import records_flush
from apps.datasets.execution.recording import record_write, records_fill
from apps.datasets.models import Record, RecordBatch
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.models import Generation, GenerationState
from apps.workspaces.models import Workspace
from tests.generations.conftest import look, send
from tests.generations.vendor import Vendor

Start = Callable[..., Generation]


def schema() -> Any:
    """The JSON Schema that docs/datasets.md prints."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text()
    return json.loads(page.partition("```json\n")[2].partition("\n```")[0])


def stored(workspace_id: UUID) -> list[dict[str, Any]]:
    """Every line that lies below a workspace's prefix."""
    pages = storage.client().get_paginator("list_objects_v2")
    prefix = f"ws/{workspace_id}/generations/"
    keys = [
        found["Key"]
        for page in pages.paginate(Bucket=settings.S3_BUCKET, Prefix=prefix)
        for found in page.get("Contents", ())
    ]
    bodies = [storage.client().get_object(Bucket=settings.S3_BUCKET, Key=key)["Body"].read() for key in keys]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def records_add(workspace: Workspace, count: int, at: datetime) -> None:
    """Records that wait, as settlements write them."""
    rows = [
        Record(workspace_id=workspace.id, generation_id=(row := uuid7()), body={"id": str(row)}, created_at=at)
        for _ in range(count)
    ]
    Record.objects.for_workspace(workspace.id).bulk_create(rows)


def assert_each_once(workspace: Workspace) -> None:
    """What is stored are the workspace's records, each once."""
    with scope(workspace.id):
        wanted = Counter(str(one) for one in Record.objects.values_list("generation_id", flat=True))
    assert Counter(line["id"] for line in stored(workspace.id)) == wanted


@pytest.mark.django_db
def test_a_success_leaves_a_record_as_documented(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    assert not Record.objects.for_workspace(rich.id).exists()
    vendor.finish()
    look(row)
    record = Record.objects.for_workspace(rich.id).get(generation_id=row.id)
    jsonschema_rs.Draft202012Validator(schema(), validate_formats=True).validate(record.body)
    assert (record.body["state"], record.body["cost"], record.body["prompt"]) == (
        "succeeded",
        1_500_000,
        "a lighthouse",
    )
    assert record.body["consent"] == {"given": False, "by": "workspace"}, "off until somebody agrees"
    (output,) = record.body["outputs"]
    assert (output["asset"], output["sha256"], output["width"]) == (
        row.outputs[0]["$asset"],
        row.outputs[0]["sha256"],
        32,
    )
    assert "url" not in output


@pytest.mark.django_db
def test_a_failure_leaves_a_record_too(start: Start, rich: Workspace) -> None:
    row = start()
    assert settle_without_charge(row, GenerationState.FAILED, code="content_policy", now=timezone.now())
    assert not settle_without_charge(row, GenerationState.FAILED, code="content_policy", now=timezone.now())
    record = Record.objects.for_workspace(rich.id).get()
    jsonschema_rs.Draft202012Validator(schema(), validate_formats=True).validate(record.body)
    assert (record.body["error_code"], record.body["outputs"]) == ("content_policy", [])


@pytest.mark.django_db(transaction=True)
def test_the_record_and_the_end_are_one_transaction(
    start: Start, rich: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just after the record was written: neither is there. The settlement comes again, and both are."""
    row = start()
    write: Any = vars(receivers)["record_write"]

    def write_and_die(**ids: UUID) -> None:
        write(**ids)
        raise KeyboardInterrupt

    monkeypatch.setattr(receivers, "record_write", write_and_die)
    with pytest.raises(KeyboardInterrupt):
        settle_without_charge(row, GenerationState.FAILED, code="failed", now=timezone.now())
    row.refresh_from_db()
    assert (row.state, Record.objects.for_workspace(rich.id).count()) == ("prepared", 0)
    monkeypatch.undo()
    settle_without_charge(row, GenerationState.FAILED, code="failed", now=timezone.now())
    assert Record.objects.for_workspace(rich.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_flushed_by_a_hundred_or_ten_seconds(workspace: Workspace) -> None:
    now = timezone.now()
    records_add(workspace, 30, now)
    assert flushing.records_flush(now) == 0, "few, and new"
    assert flushing.records_flush(now + timedelta(seconds=11)) == 1
    records_add(workspace, 230, now)
    assert flushing.records_flush(now) == 2, "two full ones at once; thirty wait"
    assert Record.objects.for_workspace(workspace.id).filter(batch=None).count() == 30
    assert flushing.records_flush(now + timedelta(seconds=11)) == 1
    assert_each_once(workspace)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["after the claim", "before the put", "between put and mark"])
def test_killed_between_any_two_lines(place: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    records_add(workspace, 120, now)

    def die(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    put = storage.object_put_bytes

    def put_and_die(*args: Any) -> None:
        put(*args)
        raise KeyboardInterrupt

    what: dict[str, tuple[Any, str, Any]] = {
        "after the claim": (flushing, "batch_store", die),
        "before the put": (storage, "object_put_bytes", die),
        "between put and mark": (storage, "object_put_bytes", put_and_die),
    }
    monkeypatch.setattr(*what[place])
    with pytest.raises(KeyboardInterrupt):
        flushing.records_flush(now)
    monkeypatch.undo()
    with unscoped("test"):
        assert RecordBatch.objects.filter(stored_at=None).count() == 1
    later = now + timedelta(seconds=60)
    flushing.records_flush(later)
    flushing.records_flush(later)
    assert_each_once(workspace)
    with unscoped("test"):
        assert not RecordBatch.objects.filter(stored_at=None).exists()
        assert not Record.objects.exclude(body=None).exists()


@pytest.mark.django_db(transaction=True)
def test_killed_inside_of_the_mark(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    records_add(workspace, 100, now)
    batch = flushing.batch_claim(workspace.id, now)
    assert batch

    class Dies(Exception):
        pass

    with pytest.raises(Dies), transaction.atomic():
        flushing.batch_store(workspace.id, batch.id, now)
        raise Dies
    assert flushing.records_flush(now + timedelta(minutes=1)) == 1
    assert_each_once(workspace)


@pytest.mark.django_db(transaction=True)
def test_two_flushers_at_once(workspace: Workspace) -> None:
    now = timezone.now()
    records_add(workspace, 550, now)

    def flush(_: int) -> int:
        try:
            return flushing.records_flush(now + timedelta(seconds=40))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(flush, range(4)))
    # Whoever lost every row to the others left none behind.
    flushing.records_flush(now + timedelta(seconds=90))
    assert_each_once(workspace)


@pytest.mark.django_db(transaction=True)
def test_two_put_the_same_batch(workspace: Workspace) -> None:
    """A flusher that was taken for dead and was only slow: the same object, marked once."""
    now = timezone.now()
    records_add(workspace, 100, now)
    batch = flushing.batch_claim(workspace.id, now)
    assert batch
    with scope(workspace.id):
        data = flushing._lines(batch)
        assert data
        assert flushing.batch_store(workspace.id, batch.id, now)
        storage.object_put_bytes(data, batch.key, "application/x-ndjson")
        assert not flushing._mark(batch, "", now)
    assert_each_once(workspace)


@pytest.mark.django_db(transaction=True)
def test_an_object_holds_one_workspace_and_one_day(workspace: Workspace, foreign_workspace: Workspace) -> None:
    now = timezone.now()
    records_add(workspace, 10, now - timedelta(days=1))
    records_add(workspace, 10, now)
    records_add(foreign_workspace, 10, now)
    flushing.records_flush(now + timedelta(seconds=11))
    with unscoped("test"):
        keys = {(row.workspace_id, row.key, row.count) for row in RecordBatch.objects.all()}
    assert len(keys) == 3
    for workspace_id, key, count in keys:
        assert key.startswith(f"ws/{workspace_id}/generations/")
        assert count == 10
    for one in (workspace, foreign_workspace):
        assert_each_once(one)


def test_what_was_made_before_records_gets_one(agreed: Workspace, made: Callable[..., Generation]) -> None:
    old = [made(at=timezone.now() - timedelta(days=40 + number)) for number in range(3)]
    kept = made()
    record_write(workspace_id=agreed.id, generation_id=kept.id)
    made(state="running", settled_at=None, assets=[])
    first = records_fill(None, count=2)
    assert first is not None
    assert records_fill(first, count=2) is None
    assert records_fill(None, count=9) is None, "begun again, there is nothing left"
    rows = Record.objects.for_workspace(agreed.id).order_by("created_at")
    assert {row.generation_id for row in rows} == {one.id for one in [*old, kept]}
    records_flush(timezone.now())
    days = {f"{one.settled_at:%Y/%m/%d}" for one in old if one.settled_at}
    keys = RecordBatch.objects.for_workspace(agreed.id).values_list("key", flat=True)
    assert days <= {key.split("/generations/")[1][:10] for key in keys}, "under the day they settled"
