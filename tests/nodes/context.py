"""The ports of a node, backed by a folder: enough to run one node alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FolderContext:
    """Keeps what the node saves, publishes, logs and tells."""

    def __init__(self, folder: Path, *, variables: Mapping[str, Any] | None = None, attempt: int = 1) -> None:
        self.folder = folder
        self.variables = variables or {}
        self.now = NOW
        self.attempt = attempt
        self.published: list[tuple[Mapping[str, Any], str]] = []
        self.lines: list[str] = []
        self.told: list[float] = []

    def asset_get(self, asset_id: str) -> Mapping[str, Any]:
        return {"$asset": asset_id, "kind": "image"}

    @contextmanager
    def asset_open(self, ref: Mapping[str, Any]) -> Iterator[Path]:
        yield self.folder / ref["$asset"]

    def asset_save(self, path: Path, filename: str) -> Mapping[str, Any]:
        shutil.copy(path, self.folder / filename)
        return {"$asset": filename, "kind": "image"}

    def asset_publish(self, ref: Mapping[str, Any], title: str) -> None:
        self.published.append((ref, title))

    def progress(self, fraction: float, message: str = "") -> None:
        self.told.append(fraction)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def log(self, message: str) -> None:
        self.lines.append(message)
