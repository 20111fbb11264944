"""Plans kept in memory: a worker that has run a graph does not read, check and order it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from apps.common.ids import uuid7
from apps.engine.plan import Plan, plan_build
from apps.engine.validation import GraphProblem, validate
from apps.nodes.registry import node_type_get
from apps.runs.models import Graph

_KEEP = 256
_plans: dict[tuple[bytes, tuple[str, ...] | None], Plan] = {}
_digests: dict[UUID, bytes] = {}


class InvalidGraph(ValueError):
    """The graph cannot run; ``problems`` says where and why."""

    def __init__(self, problems: list[GraphProblem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def document_digest(document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON of a document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).digest()


def plan_of(document: Mapping[str, Any], digest: bytes, targets: Iterable[str] | None) -> Plan:
    """The plan of a document; :class:`InvalidGraph` when it cannot run."""
    key = (digest, None if targets is None else tuple(sorted(targets)))
    plan = _plans.pop(key, None)
    if plan is None:
        problems = validate(document, node_type_get, key[1])
        if problems:
            raise InvalidGraph(problems)
        plan = plan_build(document, node_type_get, key[1])
    _plans[key] = plan  # the newest is last; the first is the one unused for longest
    while len(_plans) > _KEEP:
        _plans.pop(next(iter(_plans)))
    return plan


def plan_of_graph(graph_id: UUID, targets: Iterable[str] | None) -> Plan:
    """The plan of a stored graph, without reading it when this process knows it."""
    wanted = None if targets is None else tuple(sorted(targets))
    digest = _digests.get(graph_id)
    if digest is not None and (digest, wanted) in _plans:
        return _plans[(digest, wanted)]
    graph = Graph.objects.get(id=graph_id)
    digest = bytes(graph.digest)
    _digests[graph_id] = digest
    return plan_of(graph.document, digest, targets)


def graph_keep(workspace_id: UUID, document: Mapping[str, Any], digest: bytes) -> UUID:
    """The id of the stored graph with this content, stored now if it was not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM runs_graph WHERE workspace_id = %s AND digest = %s", [workspace_id, digest])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                """
                INSERT INTO runs_graph (id, workspace_id, created_at, digest, document)
                VALUES (%s, %s, statement_timestamp(), %s, %s::jsonb)
                ON CONFLICT (workspace_id, digest) DO UPDATE SET digest = EXCLUDED.digest RETURNING id
                """,
                [uuid7(), workspace_id, digest, json.dumps(document)],
            )
            row = cursor.fetchone()
    graph_id: UUID = row[0]
    _digests[graph_id] = digest
    return graph_id
