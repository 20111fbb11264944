"""A version's rows as Parquet. :data:`SCHEMA` is what docs/datasets.md prints, and a test holds them together."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa

from apps.datasets.execution.reading import Item
from apps.datasets.models import Export

_MOMENT = pa.timestamp("us", tz="UTC")
_FILE: list[tuple[str, Any]] = [
    ("asset", pa.string()),
    ("kind", pa.string()),
    ("content_type", pa.string()),
    ("sha256", pa.string()),
    ("size", pa.int64()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("duration", pa.float64()),
]
_VIDEO: list[tuple[str, Any]] = [
    ("frames", pa.int32()),
    ("fps", pa.float64()),
    ("codec", pa.string()),
    ("bit_rate", pa.int64()),
    ("motion", pa.float64()),
    ("camera", pa.string()),
]
_LINEAGE: list[tuple[str, Any]] = [
    ("dataset", pa.string()),
    ("version", pa.int32()),
    ("position", pa.int32()),
    ("workspace", pa.string()),
    ("project", pa.string()),
    ("workflow", pa.string()),
    ("run", pa.string()),
    ("node", pa.string()),
    ("item", pa.int32()),
    ("attempt", pa.int32()),
    ("made_from", pa.list_(pa.string())),
]
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("created_at", _MOMENT),
        ("submitted_at", _MOMENT),
        ("settled_at", _MOMENT),
        ("state", pa.string()),
        ("kind", pa.string()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("model_version", pa.int32()),
        ("prompt", pa.string()),
        ("text", pa.string()),
        ("params", pa.string()),
        ("seed", pa.int64()),
        ("inputs", pa.list_(pa.struct([("name", pa.string()), *_FILE]))),
        ("outputs", pa.list_(pa.struct([*_FILE, *_VIDEO]))),
        ("cost", pa.int64()),
        ("latency_ms", pa.int64()),
        ("error_code", pa.string()),
        ("usage", pa.string()),
        ("rating", pa.int8()),
        ("tags", pa.list_(pa.string())),
        ("licence", pa.string()),
        ("consent_by", pa.string()),
        ("lineage", pa.struct(_LINEAGE)),
    ]
)


def schema_of(export: Export, about: dict[str, Any]) -> pa.Schema:
    """The schema with what the version is, as JSON under the key ``millrace`` of the file's metadata."""
    return SCHEMA.with_metadata({"millrace": orjson.dumps(about)})


def table_of(export: Export, items: list[Item], schema: pa.Schema) -> pa.Table:
    """Rows as a table. A struct's missing members are null."""
    columns = [
        _lineage(export, items)
        if field.name == "lineage"
        else pa.array([item.told[field.name] for item in items], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _lineage(export: Export, items: list[Item]) -> pa.StructArray:
    """What :func:`~apps.datasets.execution.lines.lineage` says of each row, by columns: most are the same in all."""
    same: dict[str, Any] = {"dataset": str(export.version.dataset_id), "version": export.version.number}
    same["workspace"] = str(export.workspace_id)
    columns: list[Any] = []
    for name, kind in _LINEAGE:
        if name in same:
            columns.append(pa.repeat(pa.scalar(same[name], kind), len(items)))
        elif name == "made_from":
            columns.append(pa.array([[one["asset"] for one in item.told["inputs"]] for item in items], kind))
        else:
            columns.append(pa.array([item.told[name] for item in items], kind))
    return pa.StructArray.from_arrays(columns, names=[name for name, _kind in _LINEAGE])
