"""The log of operations: folding it into a document, appending to it, and reading on from a cursor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.common.live import poke
from apps.engine import operations
from apps.engine.documents import MAX_BYTES, MAX_NODES
from apps.projects.models import Operation, Workflow, WorkflowVersion

# A reader folds at most this many operations on top of the cached document.
SNAPSHOT_EVERY = 64
NODES_MAX = MAX_NODES
BYTES_MAX = MAX_BYTES
DEPTH_MAX = 50
# What an operation may add to the document beyond its own text: the defaults of a new node.
_DEFAULTS_BYTES = 128

Document = dict[str, Any]


class DocumentTooLarge(Exception):
    """The graph would become too large. ``client_seq`` is the operation that went too far, where there is one."""

    client_seq: int | None = None

    def __init__(self, nodes: int, size: int) -> None:
        super().__init__("The graph would become too large.")
        self.nodes = nodes
        self.size = size


class ClientSeqReused(Exception):
    """This client_seq was already used by this client for another operation."""

    def __init__(self, client_seq: int) -> None:
        super().__init__(self.__doc__)
        self.client_seq = client_seq


def json_bytes(value: Any) -> int:
    """The size of a value as compact JSON in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def document_check(document: Document) -> int:
    """The size of the document in bytes; DocumentTooLarge over a limit."""
    size = json_bytes(document)
    if len(document["nodes"]) > NODES_MAX or size > BYTES_MAX:
        raise DocumentTooLarge(len(document["nodes"]), size)
    return size


def nested_too_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than every reader of it can follow; found without recursion."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return False
    return True


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _rows(workspace_id: UUID, workflow_id: UUID) -> Any:
    return Operation.objects.for_workspace(workspace_id).filter(workflow_id=workflow_id)


def document_read(workflow: Workflow) -> tuple[Document, int]:
    """The newest document and the seq it stands at, read from the rows, whatever ``workflow`` holds in memory."""
    stored = Workflow.objects.for_workspace(workflow.workspace_id).values_list("snapshot", "snapshot_seq")
    snapshot, seq = stored.get(id=workflow.id)
    later = list(_rows(workflow.workspace_id, workflow.id).filter(seq__gt=seq).order_by("seq").values_list("seq", "op"))
    document = operations.fold(snapshot or operations.empty_document(), (op for _, op in later))
    return document, later[-1][0] if later else seq


def document_at(workflow: Workflow, seq: int) -> Document:
    """The document as it was after operation ``seq``, folded from the nearest point kept before it."""
    kept = (
        WorkflowVersion.objects.for_workspace(workflow.workspace_id)
        .filter(workflow_id=workflow.id, seq__lte=seq)
        .order_by("-seq")
        .values_list("document", "seq")
        .first()
    )
    cached = Workflow.objects.for_workspace(workflow.workspace_id).filter(id=workflow.id, snapshot_seq__lte=seq)
    points = [point for point in (kept, cached.values_list("snapshot", "snapshot_seq").first()) if point]
    document, start = max(points, key=lambda point: point[1], default=({}, 0))
    later = _rows(workflow.workspace_id, workflow.id).filter(seq__gt=start, seq__lte=seq).order_by("seq")
    return operations.fold(document or operations.empty_document(), later.values_list("op", flat=True).iterator())


def rows_after(workspace_id: UUID, workflow_id: UUID, after: int, limit: int | None = None) -> list[Operation]:
    """The operations after ``after`` in order, each with its actor, at most ``limit``."""
    rows = _rows(workspace_id, workflow_id).filter(seq__gt=after).select_related("actor").order_by("seq")
    return list(rows if limit is None else rows[:limit])


def row_json(row: Operation) -> dict[str, Any]:
    """A row as clients read it: the operation's own keys lie beside the envelope's."""
    actor = row.actor and {"id": str(row.actor_id), "name": row.actor.get_full_name()}
    return {"seq": row.seq, "client_id": row.client_id, "client_seq": row.client_seq, "actor": actor, **row.op}


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one value. Numbers compare by value: the database writes 1e300 as an integer."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or float(one) == float(other)
    return type(one) is type(other) and one == other


def rows_append(
    workflow: Workflow,
    *,
    actor_id: UUID | None,
    client_id: str,
    submitted: Iterable[tuple[int, Mapping[str, Any]]],
    result: Document | None = None,
) -> list[Operation]:
    """Append ``(client_seq, op)`` pairs to the log of a workflow that the caller has locked; one row per pair.

    A pair that is there already answers its row and changes nothing. ``result``, where the caller knows it, is the
    document after all of them. Raises ClientSeqReused and DocumentTooLarge.
    """
    pairs = list(submitted)
    known = _rows(workflow.workspace_id, workflow.id).filter(
        client_id=client_id, client_seq__in=[seq for seq, _ in pairs]
    )
    by_client_seq: dict[int, Operation] = {row.client_seq: row for row in known}
    fresh: list[Operation] = []
    for client_seq, op in pairs:
        row = by_client_seq.get(client_seq)
        if row is not None:
            if not _same(row.op, op):
                raise ClientSeqReused(client_seq)
            continue
        by_client_seq[client_seq] = row = Operation(
            workspace_id=workflow.workspace_id,
            workflow=workflow,
            seq=workflow.last_seq + len(fresh) + 1,
            actor_id=actor_id,
            client_id=client_id,
            client_seq=client_seq,
            op=op,
        )
        fresh.append(row)
    if fresh:
        Operation.objects.for_workspace(workflow.workspace_id).bulk_create(fresh, batch_size=500)
        _advance(workflow, fresh, result)
    return [by_client_seq[client_seq] for client_seq, _ in pairs]


def _advance(workflow: Workflow, fresh: list[Operation], result: Document | None) -> None:
    """Move the workflow to the end of its log; renew the cached document when it is due or a limit may be passed."""
    workflow.last_seq = fresh[-1].seq
    workflow.nodes_bound += sum(row.op["op"] == "add_node" for row in fresh)
    workflow.bytes_bound += sum(json_bytes(row.op) + _DEFAULTS_BYTES for row in fresh)
    workflow.active_at = timezone.now()
    fields = ["last_seq", "nodes_bound", "bytes_bound", "active_at"]
    due = workflow.last_seq - workflow.snapshot_seq >= SNAPSHOT_EVERY
    if due or workflow.nodes_bound > NODES_MAX or workflow.bytes_bound > BYTES_MAX:
        workflow.snapshot = document_read(workflow)[0] if result is None else result
        workflow.snapshot_seq = workflow.last_seq
        workflow.nodes_bound = len(workflow.snapshot["nodes"])
        workflow.bytes_bound = document_check(workflow.snapshot)
        fields += ["snapshot", "snapshot_seq"]
    workflow.save(update_fields=fields)
    poke(f"workflow.{workflow.id}", seq=workflow.last_seq)
