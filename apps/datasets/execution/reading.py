"""The rows of a version as they are exported, in chunks by keyset: memory does not grow with the version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from apps.common.tenancy import scope
from apps.datasets.execution.recording import references
from apps.datasets.models import Export, Partition, VideoMeasure

CHUNK = 4000
_COLUMNS = [
    "id",
    "created_at",
    "submitted_at",
    "settled_at",
    "state",
    "kind",
    "provider",
    "model_version",
    "prompt",
    "text",
    "params",
    "seed",
    "inputs",
    "outputs",
    "cost",
    "latency_ms",
    "error_code",
    "usage",
    "consent",
    "project_id",
    "workflow_id",
    "run_id",
    "node",
    "item",
    "attempt",
]
# The chunk first, by the version's own index: a version was frozen a moment ago, and a planner that has not counted its
# rows yet would take all that are left for each chunk, and sort them.
_READ = """
    SELECT r.position, r.model, r.rating, r.tags, r.licence, {columns}
    FROM (
        SELECT * FROM datasets_row AS r WHERE r.version_id = %s AND r.why = '' AND {after} ORDER BY {order} LIMIT %s
    ) AS r
    JOIN generations_generation AS g ON g.id = r.generation_id AND g.workspace_id = r.workspace_id
    WHERE r.workspace_id = %s ORDER BY {order}
"""
_MEASURED = ("frames", "fps", "codec", "bit_rate", "motion", "camera")


@dataclass(frozen=True)
class Item:
    """One row: ``told`` has its columns; ``params`` and ``usage`` are JSON text, files references."""

    position: int
    model: str
    created_at: datetime
    told: dict[str, Any]

    def partition(self, by: str) -> str:
        """The part of the export that it belongs to."""
        return self.model if by == Partition.MODEL else self.created_at.date().isoformat()

    def key(self, by: str) -> list[Any]:
        """Where to go on after it."""
        return [self.model, self.position] if by == Partition.MODEL else [self.position]


def items_after(export: Export, after: list[Any]) -> Iterator[list[Item]]:
    """Chunks of what may leave, in the export's order, beginning after the key ``after`` (empty: from the start)."""
    while True:
        chunk = _chunk(export, after)
        if chunk:
            yield chunk
            after = chunk[-1].key(export.partition)
        if len(chunk) < CHUNK:
            return


def _chunk(export: Export, after: list[Any]) -> list[Item]:
    by_model = export.partition == Partition.MODEL
    order = "r.model, r.position" if by_model else "r.position"
    bound = ("(r.model, r.position) > (%s, %s)" if by_model else "r.position > %s") if after else "true"
    sql = _READ.format(
        columns=", ".join(f"g.{name}" + "::text" * name.endswith("id") for name in _COLUMNS), after=bound, order=order
    )
    with scope(export.workspace_id), connection.cursor() as cursor:
        cursor.execute(sql, [export.version_id, *after, CHUNK, export.workspace_id])
        rows = cursor.fetchall()
    items = [_item(row) for row in rows]
    _measures_add(export.workspace_id, items)
    return items


def _item(row: tuple[Any, ...]) -> Item:
    position, model, rating, tags, licence, *rest = row
    told: dict[str, Any] = dict(zip(_COLUMNS, rest, strict=True))
    told |= {"position": position, "model": model, "rating": rating, "tags": tags, "licence": licence}
    told["inputs"] = [
        {"name": name, **reference}
        for name, value in orjson.loads(told["inputs"]).items()
        for reference in references(value)
    ]
    told["outputs"] = [one for value in orjson.loads(told["outputs"]) for one in references(value)]
    told["consent_by"] = "workspace" if told.pop("consent") is None else "generation"
    for name in ("id", "project_id", "workflow_id", "run_id"):
        told[name.removesuffix("_id")] = told.pop(name)
    return Item(position, model, told["created_at"], told)


def _measures_add(workspace_id: UUID, items: list[Item]) -> None:
    """Put what was measured from the pictures beside each video among the outputs."""
    videos = [one for item in items for one in item.told["outputs"] if one.get("kind") == "video"]
    if not videos:
        return
    rows = VideoMeasure.objects.for_workspace(workspace_id).filter(measured_at__isnull=False)
    found = rows.filter(blob__sha256__in={one["sha256"] for one in videos}).values("blob__sha256", *_MEASURED)
    measures = {row.pop("blob__sha256"): row for row in found}
    for one in videos:
        one.update(measures.get(one["sha256"], {}))
