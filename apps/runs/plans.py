"""Plans kept in memory: a worker that has run a graph does not read, check and order it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.common.ids import uuid7
from apps.common.memory import Memory
from apps.common.statements import prepared
from apps.common.tenancy import all_projects, current_workspace_id
from apps.engine.plan import Plan, plan_build
from apps.engine.validation import GraphProblem, validate
from apps.nodes.flow.workflow import nests
from apps.projects.models import Workflow
from apps.projects.services import workflow_document
from apps.projects.subflows import Types, types_kept
from apps.runs.models import Graph, Run

_NAMES_KEEP = 10_000
# Workflows among the nodes mean something in their workspace only, so such a plan is kept under it.
_Key = tuple[bytes, tuple[str, ...] | None, UUID | None]
_plans: Memory[_Key, Plan] = Memory(entries=256)
_digests: Memory[UUID, tuple[bytes, UUID | None]] = Memory(entries=_NAMES_KEEP)
# The stored graph of a content, by workspace; and the content of a workflow's document at its newest seq.
_graphs: Memory[tuple[UUID, bytes], UUID] = Memory(entries=_NAMES_KEEP)
_newest: Memory[UUID, tuple[int, bytes]] = Memory(entries=_NAMES_KEEP)


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


def variables_check(plan: Plan, variables: Mapping[str, Any]) -> None:
    """:class:`InvalidGraph` when the plan cannot run with these variables in place of its own."""
    _refuse(plan.variable_problems(variables))


def _refuse(problems: list[GraphProblem]) -> None:
    if problems:
        raise InvalidGraph(problems)


def _plan(document: Mapping[str, Any], digest: bytes, targets: Iterable[str] | None, *, nested: bool) -> Plan:
    key = (digest, None if targets is None else tuple(sorted(targets)), current_workspace_id() if nested else None)
    plan = _plans.get(key)
    if plan is None:
        _refuse(validate(document, types_kept, key[1]))
        plan = plan_build(document, types_kept, key[1])
        _plans.put(key, plan)
    return plan


def plan_of_graph(graph_id: UUID, targets: Iterable[str] | None) -> Plan:
    """The plan of a stored graph, without reading it when this process knows it."""
    wanted = None if targets is None else tuple(sorted(targets))
    known = _digests.get(graph_id)
    if known is not None and (plan := _plans.get((known[0], wanted, known[1]))) is not None:
        return plan
    with all_projects("whoever sees a run sees its graph, which belongs to no project"):
        graph = Graph.objects.get(id=graph_id)
    nested = nests(graph.document)
    _digests.put(graph_id, (bytes(graph.digest), graph.workspace_id if nested else None))
    return _plan(graph.document, bytes(graph.digest), wanted, nested=nested)


def run_plan(run: Run) -> Plan:
    """The plan of a run."""
    return plan_of_graph(run.graph_id, run.targets)


def workflow_plan(workflow: Workflow, targets: Iterable[str] | None) -> tuple[Plan, bytes, Mapping[str, Any] | None]:
    """The plan of a workflow's newest document, its digest, and the document.

    The document is None, not even read, where this process has its plan and knows it to be stored (:func:`graph_keep`).
    """
    with prepared() as cursor:
        cursor.execute("SELECT last_seq FROM projects_workflow WHERE id = %s", [workflow.id])
        row = cursor.fetchone()
    seq, digest = _newest.get(workflow.id) or (None, b"")
    if row is not None and seq == row[0] and (workflow.workspace_id, digest) in _graphs:
        # Not one with workflows among its nodes: of those is asked each time whether they may be used.
        plan = _plans.get((digest, None if targets is None else tuple(sorted(targets)), None))
        if plan is not None:
            return plan, digest, None
    document, seq = workflow_document(workflow)
    digest = document_digest(document)
    _newest.put(workflow.id, (seq, digest))
    return plan_of(document, digest, targets, within=workflow.id), digest, document


def graph_keep(workspace_id: UUID, document: Mapping[str, Any] | None, digest: bytes) -> UUID:
    """The id of the stored graph with this content, stored now if it was not. Stored graphs stay."""
    known = _graphs.get((workspace_id, digest))
    if known is not None:
        return known
    graph_id: UUID = _graph_store(workspace_id, document, digest)
    _digests.put(graph_id, (digest, workspace_id if document is not None and nests(document) else None))
    # Not before: a transaction that fails takes the row with it.
    transaction.on_commit(lambda: _graphs.put((workspace_id, digest), graph_id))
    return graph_id


def _graph_store(workspace_id: UUID, document: Mapping[str, Any] | None, digest: bytes) -> UUID:
    with prepared() as cursor:
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
    return graph_id
