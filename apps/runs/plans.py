"""Plans kept in memory: a worker that has run a graph does not read, check and order it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from apps.common.ids import uuid7
from apps.common.tenancy import current_workspace_id
from apps.engine.plan import Plan, plan_build
from apps.engine.validation import GraphProblem, validate
from apps.nodes.flow.workflow import nests
from apps.projects.subflows import Types, types_kept
from apps.runs.models import Graph

_KEEP = 256
# Workflows among the nodes mean something in their workspace only, so such a plan is kept under it.
_Key = tuple[bytes, tuple[str, ...] | None, UUID | None]
_plans: dict[_Key, Plan] = {}
_digests: dict[UUID, tuple[bytes, UUID | None]] = {}


class InvalidGraph(ValueError):
    """The graph cannot run; ``problems`` says where and why."""

    def __init__(self, problems: list[GraphProblem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def document_digest(document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON of a document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).digest()


def plan_of(
    document: Mapping[str, Any], digest: bytes, targets: Iterable[str] | None, *, within: UUID | None = None
) -> Plan:
    """The plan of a document of the workspace in scope; :class:`InvalidGraph` when it cannot run.

    A workflow among its nodes may be in the trash by now, so that is asked each time. ``within`` is the workflow whose
    graph this is: it may not be among them.
    """
    nested = nests(document)
    if nested:
        targets = None if targets is None else list(targets)
        _refuse(validate(document, Types(within), targets))
    return _plan(document, digest, targets, nested=nested)


def _refuse(problems: list[GraphProblem]) -> None:
    if problems:
        raise InvalidGraph(problems)


def _plan(document: Mapping[str, Any], digest: bytes, targets: Iterable[str] | None, *, nested: bool) -> Plan:
    key = (digest, None if targets is None else tuple(sorted(targets)), current_workspace_id() if nested else None)
    plan = _plans.pop(key, None)
    if plan is None:
        _refuse(validate(document, types_kept, key[1]))
        plan = plan_build(document, types_kept, key[1])
    _plans[key] = plan  # the newest is last; the first is the one unused for longest
    while len(_plans) > _KEEP:
        _plans.pop(next(iter(_plans)))
    return plan


def plan_of_graph(graph_id: UUID, targets: Iterable[str] | None) -> Plan:
    """The plan of a stored graph, without reading it when this process knows it."""
    wanted = None if targets is None else tuple(sorted(targets))
    known = _digests.get(graph_id)
    if known is not None and (plan := _plans.get((known[0], wanted, known[1]))) is not None:
        return plan
    graph = Graph.objects.get(id=graph_id)
    nested = nests(graph.document)
    _digests[graph_id] = bytes(graph.digest), graph.workspace_id if nested else None
    return _plan(graph.document, bytes(graph.digest), wanted, nested=nested)


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
    _digests[graph_id] = digest, workspace_id if nests(document) else None
    return graph_id
