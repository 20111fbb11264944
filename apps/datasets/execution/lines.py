"""A row as a JSON object: a line of a JSON lines export, and the ``.json`` of a WebDataset sample."""

from __future__ import annotations

from typing import Any

import orjson

from apps.datasets.execution.reading import Item
from apps.datasets.execution.recording import moment
from apps.datasets.models import Export

SCHEMA = "millrace.dataset-row/1"
_LINEAGE = ("project", "workflow", "run", "node", "item", "attempt")
_SAME = [
    "id",
    "state",
    "kind",
    "provider",
    "model",
    "model_version",
    "prompt",
    "text",
    "seed",
    "inputs",
    "outputs",
    "cost",
    "latency_ms",
    "error_code",
    "rating",
    "tags",
    "licence",
    "consent_by",
]


def row_json(export: Export, item: Item) -> bytes:
    """The row's object, without a line break."""
    told = item.told
    return orjson.dumps(
        {
            "schema": SCHEMA,
            **{name: told[name] for name in _SAME},
            # What PostgreSQL keeps is JSON already.
            "params": orjson.Fragment(told["params"]),
            "usage": orjson.Fragment(told["usage"]),
            **{name: moment(told[name]) for name in ("created_at", "submitted_at", "settled_at")},
            "lineage": lineage(export, item),
        }
    )


def lineage(export: Export, item: Item) -> dict[str, Any]:
    """Where a row comes from: its place in the version, workspace, project and run, the files it was made of."""
    return {
        "dataset": str(export.version.dataset_id),
        "version": export.version.number,
        "position": item.position,
        "workspace": str(export.workspace_id),
        **{name: item.told[name] for name in _LINEAGE},
        "made_from": [one["asset"] for one in item.told["inputs"]],
    }
