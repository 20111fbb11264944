"""A settled generation as a record: one JSON object, as of the moment it ended. docs/datasets.md has its schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.common.tenancy import scope, unscoped
from apps.datasets.models import Consent, Licence, Record
from apps.generations.models import Generation

SCHEMA = "millrace.generation/1"
_SAME = [
    "state",
    "kind",
    "provider",
    "model",
    "model_version",
    "prompt",
    "text",
    "params",
    "seed",
    "node",
    "item",
    "attempt",
    "cost",
    "latency_ms",
    "permanent",
    "error_code",
    "usage",
    "route",
    "rating",
    "tags",
]
_IDS = {"id": "id", "workspace": "workspace_id", "project": "project_id", "workflow": "workflow_id", "run": "run_id"}
_TIMES = ("created_at", "submitted_at", "started_at", "settled_at")


def record_write(*, workspace_id: UUID, generation_id: UUID, at: datetime | None = None) -> None:
    """Put the record of a generation that ends into the outbox, once. Call it in the transaction that ends it.

    ``at``: the moment under whose day it is stored; now, unless it is made up for later.
    """
    generation = Generation.objects.for_workspace(workspace_id).get(id=generation_id)
    body = record_body(generation, consent=consent_of(generation), licence=licences(workspace_id).of(generation.model))
    row = Record(workspace_id=workspace_id, generation_id=generation_id, body=body, created_at=at or timezone.now())
    Record.objects.for_workspace(workspace_id).bulk_create([row], ignore_conflicts=True)


def records_fill(after: UUID | None, *, count: int) -> UUID | None:
    """Write the records that the next ``count`` settled generations lack: those that are older than records.

    ``after`` is where to go on: what this answers; None when there are no more. Repeating it writes nothing twice.
    Each is dated when its generation settled; consent and licence are as they are now, for then nobody had said any.
    """
    with unscoped("generations of every workspace"):
        rows = Generation.objects.filter(settled_at__isnull=False).exclude(
            Exists(Record.objects.filter(generation_id=OuterRef("id")))
        )
        if after is not None:
            rows = rows.filter(id__gt=after)
        found = list(rows.order_by("id")[:count])
    for row in found:
        with scope(row.workspace_id), transaction.atomic():
            record_write(workspace_id=row.workspace_id, generation_id=row.id, at=row.settled_at)
    return found[-1].id if len(found) == count else None


def record_body(generation: Generation, *, consent: dict[str, Any], licence: str) -> dict[str, Any]:
    """The record: plain JSON, files by reference."""
    return {
        "schema": SCHEMA,
        **{name: _text(getattr(generation, column)) for name, column in _IDS.items()},
        "actor": _text(generation.actor_id),
        **{name: getattr(generation, name) for name in _SAME},
        "inputs": [
            {"name": name, **reference} for name, value in generation.inputs.items() for reference in references(value)
        ],
        "outputs": [reference for value in generation.outputs for reference in references(value)],
        "consent": consent,
        "licence": licence,
        **{name: moment(getattr(generation, name)) for name in _TIMES},
    }


def references(value: Any) -> list[dict[str, Any]]:
    """Asset references as they lie in records: ``asset`` in the place of ``$asset``; empty for anything else."""
    found = value if isinstance(value, list) else [value]
    return [
        {"asset": one["$asset"], **{name: told for name, told in one.items() if name not in ("$asset", "url")}}
        for one in found
        if isinstance(one, dict) and "$asset" in one
    ]


def consent_of(generation: Generation) -> dict[str, Any]:
    """``{"given", "by"}``: whether it may enter a dataset now, and whether the generation or the workspace says so."""
    if generation.consent is not None:
        return {"given": generation.consent, "by": "generation"}
    return {"given": workspace_allows(generation.workspace_id), "by": "workspace"}


def workspace_allows(workspace_id: UUID) -> bool:
    """What the workspace says of its generations; no, until an admin says yes."""
    rows = Consent.objects.for_workspace(workspace_id).filter(generation_id=None)
    return bool(rows.order_by("-created_at", "-id").values_list("allowed", flat=True).first())


class Licences(dict[str, str]):
    """Licence texts by model; "" is what holds for every other."""

    def of(self, model: str) -> str:
        """The licence of what this model makes; "" when nobody said."""
        return self.get(model) or self.get("", "")


def licences(workspace_id: UUID) -> Licences:
    """The workspace's licences as they are now."""
    return Licences(Licence.objects.for_workspace(workspace_id).values_list("model", "text"))


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds, as the API says it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else None


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None
