"""Exports: what is in the files, and that neither a dead worker nor a withdrawal in the middle spoils them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.utils import timezone

from apps.accounts.models import User
from apps.assets import storage
from apps.assets.services import asset_store, asset_trash
from apps.common.tenancy import scope
from apps.datasets import services, tasks
from apps.datasets.execution import exporting, parts
from apps.datasets.execution.sweeping import export_prefix, exports_clear, exports_left
from apps.datasets.execution.tables import SCHEMA
from apps.datasets.models import Export, ExportState, Format, Version, VideoMeasure
from apps.generations.models import Generation
from apps.workspaces.models import Workspace
from tests.assets.files import video

pytestmark = pytest.mark.django_db(transaction=True)
Made = Callable[..., Generation]
Freeze = Callable[..., Version]


def begin(version: Version, kind: str = "parquet", partition: str = "date") -> Export:
    return services.export_start(workspace_id=version.workspace_id, version=version, kind=kind, partition=partition)


def work(export: Export, **options: Any) -> Export:
    """Make it to its end, as messages do."""
    while exporting.export_make(workspace_id=export.workspace_id, export_id=export.id, **options):
        pass
    with scope(export.workspace_id):
        export.refresh_from_db()
    return export


def body(export: Export, name: str) -> bytes:
    found = storage.client().get_object(Bucket=settings.S3_BUCKET, Key=export_prefix(export) + name)
    return found["Body"].read()


def keys(export: Export) -> set[str]:
    found = storage.client().list_objects_v2(Bucket=settings.S3_BUCKET, Prefix=export_prefix(export))
    return {one["Key"].removeprefix(export_prefix(export)) for one in found.get("Contents", ())}


def names(export: Export) -> list[str]:
    return [file["name"] for file in export.files]


def rows_of(export: Export, folder: Path) -> list[dict[str, Any]]:
    """Every row of an export, read as its user would."""
    if export.format == "jsonl":
        return [json.loads(line) for name in names(export)[:-1] for line in body(export, name).splitlines()]
    for name in names(export)[:-1]:
        path = folder / str(export.id) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body(export, name))
    return list(ds.dataset(folder / str(export.id), partitioning="hive").to_table().to_pylist())


def test_parquet_by_day(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    day = timezone.now() - timedelta(days=3)
    rows = [made(at=day), made(at=day + timedelta(days=1), rating=5, tags=["dusk"]), made(at=day + timedelta(days=1))]
    export = work(begin(freeze()))
    assert (export.state, export.done, export.total) == ("ready", 3, 3)
    dates = [(day + timedelta(days=more)).date().isoformat() for more in (0, 1)]
    assert names(export) == [*(f"date={date}/part-{n:05d}.parquet" for n, date in enumerate(dates)), "manifest.json"]
    found = rows_of(export, tmp_path)
    assert [row["id"] for row in found] == [str(row.id) for row in rows]
    assert {row["date"] for row in found} == set(dates)
    second = found[1]
    assert (second["rating"], second["tags"], second["licence"]) == (5, ["dusk"], "CC-BY-4.0")
    assert json.loads(second["params"]) == rows[1].params
    assert second["outputs"][0]["sha256"] == rows[1].outputs[0]["sha256"]
    assert second["lineage"]["position"] == 2
    assert second["lineage"]["workspace"] == str(agreed.id)


def test_every_file_says_where_it_is_from(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    made()
    version = freeze(rating=None)
    export = work(begin(version))
    file = pq.ParquetFile(pa.BufferReader(body(export, names(export)[0])))
    assert file.schema_arrow.equals(SCHEMA)
    about = json.loads(file.schema_arrow.metadata[b"millrace"])
    assert about["dataset"] == {"id": str(version.dataset_id), "name": "Mills"}
    assert (about["version"], about["filter"]["states"], about["changelog"][0]["rows"]) == (1, ["succeeded"], 1)
    manifest = json.loads(body(export, "manifest.json"))
    assert manifest["files"][0]["sha256"] == export.files[0]["sha256"]


def test_parquet_by_model(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    made(model="b/two"), made(), made(model="b/two")
    export = work(begin(freeze(), partition="model"))
    assert names(export)[:-1] == ["by_model=b%2Ftwo/part-00000.parquet", "by_model=sandbox%2Fimage/part-00001.parquet"]
    assert [row["model"] for row in rows_of(export, tmp_path)] == ["b/two", "b/two", "sandbox/image"]


def test_json_lines(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    used = made()
    row = made(inputs={"image": used.outputs[0]}, usage={"megapixels": 1})
    export = work(begin(freeze(), "jsonl"))
    found = rows_of(export, tmp_path)
    assert [one["id"] for one in found] == [str(used.id), str(row.id)]
    assert found[1]["params"] == row.params
    assert found[1]["inputs"][0]["name"] == "image"
    assert found[1]["lineage"]["made_from"] == [used.outputs[0]["$asset"]]


def test_shards_carry_the_files(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    row = made()
    export = work(begin(freeze(), "webdataset"))
    with tarfile.open(fileobj=io.BytesIO(body(export, "part-00000.tar"))) as shard:
        assert shard.getnames() == ["000000001.json", "000000001.txt", "000000001.0.png"]
        picture = shard.extractfile("000000001.0.png")
        assert picture
        data = picture.read()
    key = storage.blob_key(agreed.id, row.outputs[0]["sha256"])
    assert data == storage.client().get_object(Bucket=settings.S3_BUCKET, Key=key)["Body"].read()


def test_video_measures_go_with_it(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mp4")
    asset = asset_store(workspace_id=agreed.id, path=path, filename="clip.mp4", source="generation")
    made(kind="video", assets=[asset])
    with scope(agreed.id):
        told = {"frames": 24, "fps": 24.0, "motion": 12.5, "camera": "pan", "codec": "h264", "bit_rate": 9}
        VideoMeasure.objects.create(workspace_id=agreed.id, blob=asset.blob, measured_at=timezone.now(), **told)
    (row,) = rows_of(work(begin(freeze())), tmp_path)
    assert {name: row["outputs"][0][name] for name in told} == told


def test_many_files_and_a_task_that_stops_after_each(
    agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [made(assets=[]) for _ in range(7)]
    monkeypatch.setitem(parts.FILE_ROWS, Format.JSONL, 3)
    export = begin(freeze(), "jsonl")
    with scope(agreed.id):
        assert exporting.export_make(workspace_id=agreed.id, export_id=export.id, seconds=0)
        export.refresh_from_db()
        assert (export.state, export.done, export.lease_until) == ("running", 3, None)
    work(export, seconds=0)
    assert [row["id"] for row in rows_of(export, tmp_path)] == [str(row.id) for row in rows]
    assert [file["rows"] for file in export.files] == [3, 3, 1, 0]


@pytest.mark.parametrize("place", ["object_put", "_keep", "part_write", "_publish"])
def test_a_worker_dies_and_another_goes_on(
    place: str, agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [made(assets=[]) for _ in range(7)]
    monkeypatch.setitem(parts.FILE_ROWS, Format.JSONL, 3)
    export = begin(freeze(), "jsonl")
    where: Any = storage if place == "object_put" else exporting
    real, calls = getattr(where, place), 0

    def dies(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        found = real(*args, **options)
        if calls == (1 if place == "_publish" else 2):
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(where, place, dies)
    with pytest.raises(KeyboardInterrupt):
        work(export)
    monkeypatch.setattr(where, place, real)
    assert not exporting.export_make(workspace_id=agreed.id, export_id=export.id), "its lease holds"
    with scope(agreed.id):
        if place != "_publish":
            Export.objects.filter(id=export.id).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert (agreed.id, export.id) in exports_left(timezone.now())
    work(export)
    assert export.state == ExportState.READY
    assert [row["id"] for row in rows_of(export, tmp_path)] == [str(row.id) for row in rows]
    assert keys(export) == set(names(export))


def test_a_zombie_changes_nothing(
    agreed: Workspace, made: Made, freeze: Freeze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for dead in the middle of a file; the next one finishes, then it wakes up."""
    made(assets=[])
    export = begin(freeze(), "jsonl")
    real: Any = vars(exporting)["part_write"]

    def slow(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr(exporting, "part_write", real)
        with scope(agreed.id):
            Export.objects.filter(id=export.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        work(export)
        return found

    monkeypatch.setattr(exporting, "part_write", slow)
    assert not exporting.export_make(workspace_id=agreed.id, export_id=export.id)
    with scope(agreed.id):
        export.refresh_from_db()
    assert (export.state, names(export)) == ("ready", ["part-00000.jsonl", "manifest.json"])


def test_given_up_after_several_tries(agreed: Workspace, made: Made, freeze: Freeze, monkeypatch: Any) -> None:
    made()
    export = begin(freeze(), "webdataset")

    def fails(*args: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr(exporting, "part_write", fails)
    for _ in range(exporting.TRIES):
        with pytest.raises(OSError, match="disk full"):
            exporting.export_make(workspace_id=agreed.id, export_id=export.id)
        with scope(agreed.id):
            Export.objects.filter(id=export.id).update(lease_until=None)
    assert work(export).state == ExportState.FAILED


def test_withdrawn_while_it_is_made(
    agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [made(assets=[]) for _ in range(4)]
    export = begin(freeze(), "jsonl")
    real = exporting._publish

    def withdrawn_first(*args: Any) -> bool:
        monkeypatch.setattr(exporting, "_publish", real)
        services.generation_consent_set(workspace_id=agreed.id, generation_id=rows[2].id, allowed=False, actor_id=None)
        return real(*args)

    monkeypatch.setattr(exporting, "_publish", withdrawn_first)
    work(export)
    kept = [str(row.id) for row in rows if row is not rows[2]]
    assert [row["id"] for row in rows_of(export, tmp_path)] == kept
    assert (export.state, export.total, export.revision) == ("ready", 3, 1)
    told = json.loads(body(export, "manifest.json"))["changelog"]
    assert [(line["kind"], line["rows"], line["why"]) for line in told] == [
        ("frozen", 4, None),
        ("removed", 1, "consent_withdrawn"),
    ]


def test_withdrawn_after_it_was_made(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    """No link is given from that moment on, the files go, and the next export is without the row."""
    rows = [made(), made()]
    version = freeze()
    first = work(begin(version))
    link = services.export_link(workspace_id=agreed.id, export_id=first.id, index=0)
    assert httpx.get(link).status_code == 200
    asset_trash(workspace_id=agreed.id, asset_id=rows[0].outputs[0]["$asset"])
    with pytest.raises(services.ExportNotReady):
        services.export_link(workspace_id=agreed.id, export_id=first.id, index=0)
    assert exports_clear() == 1
    assert keys(first) == set()
    assert httpx.get(link).status_code == 404
    second = work(begin(version))
    assert [row["id"] for row in rows_of(second, tmp_path)] == [str(rows[1].id)]


def test_all_rows_gone_leaves_an_empty_export(agreed: Workspace, made: Made, freeze: Freeze, alice: User) -> None:
    made()
    version = freeze()
    services.workspace_consent_set(workspace_id=agreed.id, allowed=False, actor_id=alice.id)
    assert names(work(begin(version))) == ["manifest.json"]


def test_one_at_a_time_and_links_of_others(
    agreed: Workspace, foreign_workspace: Workspace, made: Made, freeze: Freeze
) -> None:
    made()
    version = freeze()
    export = begin(version)
    with pytest.raises(services.ExportRunning):
        begin(version)
    begin(version, "jsonl")
    with pytest.raises(services.ExportNotReady):
        services.export_link(workspace_id=agreed.id, export_id=export.id, index=0)
    work(export)
    for where, index in ((foreign_workspace, 0), (agreed, 7), (agreed, -1)):
        with pytest.raises(services.DatasetNotFound):
            services.export_link(workspace_id=where.id, export_id=export.id, index=index)
    assert not exporting.export_make(workspace_id=foreign_workspace.id, export_id=begin(version).id)


def test_a_failed_one_has_no_files(agreed: Workspace, made: Made, freeze: Freeze, tmp_path: Path) -> None:
    made(state="failed", assets=[], error_code="content_policy")
    (row,) = rows_of(work(begin(freeze(states=("failed",)))), tmp_path)
    assert (row["state"], row["error_code"], row["outputs"]) == ("failed", "content_policy", [])


def test_exports_take_turns_in_one_process_and_wait_for_no_heavy_step(
    agreed: Workspace, made: Made, freeze: Freeze
) -> None:
    assert (tasks.export_make.queue, tasks.video_measure.queue) == ("io-exports", "work")  # type: ignore[attr-defined]
    made()
    export = begin(freeze())
    ids = {"workspace_id": agreed.id, "export_id": export.id}
    with exporting._making:
        assert exporting.export_turn(**ids) == exporting.LATER_S
        assert Export.objects.for_workspace(agreed.id).get().state == ExportState.QUEUED
    assert exporting.export_turn(**ids) is None
    assert Export.objects.for_workspace(agreed.id).get().state == ExportState.READY
