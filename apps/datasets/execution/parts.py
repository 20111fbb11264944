"""One file of an export after the other: each begins where the last one that is stored ended."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from django.conf import settings

from apps.assets import storage
from apps.assets.kinds import ACCEPTED
from apps.datasets.execution.lines import row_json
from apps.datasets.execution.reading import Item, items_after
from apps.datasets.models import Export, Format

# Rows of one file at most.
FILE_ROWS = {Format.PARQUET: 100_000, Format.JSONL: 100_000, Format.WEBDATASET: 1000}
# Bytes after which a tar shard is closed.
SHARD_BYTES = 256 * 1024 * 1024


class Writer(Protocol):
    """Takes rows into a local file."""

    def write(self, items: list[Item]) -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what closes the file."""

    @property
    def full(self) -> bool:
        """Whether the file is large enough."""


@dataclass
class Part:
    """A file that was written: its name, how many rows, and where the next one begins."""

    name: str
    rows: int = 0
    after: list[Any] = field(default_factory=list)


class Feed:
    """The rows still to be written, read ahead by a chunk, whatever file they go to."""

    def __init__(self, export: Export) -> None:
        self._by = export.partition if export.format == Format.PARQUET else ""
        self._chunks = items_after(export, export.after)
        self._rows: list[Item] = []

    def take(self, size: int, like: Item | None) -> list[Item]:
        """At most ``size`` rows that belong into the file that begins with ``like``; empty when none is left."""
        if not self._rows:
            self._rows = next(self._chunks, [])
        rows = self._rows[:size]
        if rows and self._by:
            kind = (like or rows[0]).partition(self._by)
            rows = list(takewhile(lambda row: row.partition(self._by) == kind, rows))
        self._rows = self._rows[len(rows) :]
        return rows


def part_write(
    export: Export, feed: Feed, about: dict[str, Any], path: Path, tick: Callable[[int], None]
) -> Part | None:
    """Write the next file of the export to ``path``; None when every row is in one. ``tick(rows)`` after each chunk."""
    kind = Format(export.format)
    rows = feed.take(min(FILE_ROWS[kind], STEP[kind]), None)
    if not rows:
        return None
    first, part = rows[0], Part(_name(export, rows[0]))
    with closing(_WRITERS[kind](export, about, path)) as writer:
        while rows:
            writer.write(rows)
            part.rows += len(rows)
            part.after = rows[-1].key(export.partition)
            tick(part.rows)
            room = 0 if writer.full else FILE_ROWS[kind] - part.rows
            rows = feed.take(min(room, STEP[kind]), first) if room > 0 else []
    return part


def _name(export: Export, first: Item) -> str:
    number = len(export.files)
    if export.format == Format.PARQUET:
        # Not `model=`: readers would find a column of that name in the path and in the file.
        by = {"date": "date", "model": "by_model"}[export.partition]
        return f"{by}={quote(first.partition(export.partition), safe='')}/part-{number:05d}.parquet"
    ending = {Format.JSONL: "jsonl", Format.WEBDATASET: "tar"}[Format(export.format)]
    return f"part-{number:05d}.{ending}"


class _Parquet:
    """A row group per list of rows."""

    full = False

    def __init__(self, export: Export, about: dict[str, Any], path: Path) -> None:
        import pyarrow.parquet as pq

        from apps.datasets.execution.tables import schema_of

        self._export = export
        self._schema = schema_of(export, about)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, items: list[Item]) -> None:
        from apps.datasets.execution.tables import table_of

        self._file.write_table(table_of(self._export, items, self._schema))

    def close(self) -> None:
        self._file.close()


class _Lines:
    full = False

    def __init__(self, export: Export, about: dict[str, Any], path: Path) -> None:
        self._export = export
        self._file = path.open("wb")

    def write(self, items: list[Item]) -> None:
        self._file.writelines(row_json(self._export, item) + b"\n" for item in items)

    def close(self) -> None:
        self._file.close()


class _Shard:
    """A sample is ``<position>.json``, ``.txt`` (the prompt) and ``.<n>.<ending>`` per file, which is streamed."""

    def __init__(self, export: Export, about: dict[str, Any], path: Path) -> None:
        self._export = export
        self._file = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed by `close`)

    @property
    def full(self) -> bool:
        return self._file.offset >= SHARD_BYTES

    def write(self, items: list[Item]) -> None:
        for item in items:
            name = f"{item.position:09d}"
            self._add(f"{name}.json", row_json(self._export, item))
            self._add(f"{name}.txt", str(item.told["prompt"] or "").encode())
            for number, one in enumerate(item.told["outputs"]):
                self._stream(f"{name}.{number}{_ending(one['content_type'])}", one["sha256"])

    def close(self) -> None:
        self._file.close()

    def _add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._file.addfile(info, io.BytesIO(data))

    def _stream(self, name: str, sha256: str) -> None:
        key = storage.blob_key(self._export.workspace_id, sha256)
        found = storage.client().get_object(Bucket=settings.S3_BUCKET, Key=key)
        info = tarfile.TarInfo(name)
        info.size = found["ContentLength"]
        with closing(found["Body"]) as body:
            self._file.addfile(info, body)


def _ending(content_type: str) -> str:
    accepted = ACCEPTED.get(content_type)
    return accepted.extensions[0] if accepted else ".bin"


_WRITERS: dict[Format, Callable[[Export, dict[str, Any], Path], Writer]] = {
    Format.PARQUET: _Parquet,
    Format.JSONL: _Lines,
    Format.WEBDATASET: _Shard,
}
# Rows handed to a writer at once: a shard is looked at after every few.
STEP = {Format.PARQUET: 4000, Format.JSONL: 4000, Format.WEBDATASET: 8}
