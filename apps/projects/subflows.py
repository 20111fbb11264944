"""Published workflows as node types of their workspace: found by name and version, refused with a reason.

A version never changes, so what is made of one is kept by every process. Whether a workflow may still be used (it may
be in the trash by now) is asked of the database each time a graph is checked, and not at all for a graph that has
been accepted: a run that has begun goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.common.described import described
from apps.common.memory import Memory
from apps.common.tenancy import all_projects, current_workspace_id
from apps.engine.node_types import NodeType
from apps.engine.validation import GraphProblem, TypeRefused, validate
from apps.nodes.flow.workflow import INPUT, OUTPUT, PREFIX, workflow_id_of, workflow_type
from apps.nodes.registry import catalogue_json, node_type_get, node_type_json
from apps.projects.models import Workflow, WorkflowVersion

# Workflows inside workflows; the run stops there too.
DEPTH_MAX = 10


@dataclass(frozen=True)
class Published:
    """A version that was published, as a node type.

    ``uses`` are the workflows inside, all the way down, each with the names on the way to it; ``depth`` is 1 for a
    workflow that has none.
    """

    node_type: NodeType
    uses: Mapping[UUID, tuple[str, ...]]
    depth: int


_published: Memory[tuple[UUID | None, UUID, int], Published] = Memory(entries=512)


def published_get(workflow_id: UUID, number: int, *, below: int = 0) -> Published:
    """A published version of a workflow of the workspace in scope; TypeRefused when there is none."""
    key = (current_workspace_id(), workflow_id, number)
    found = _published.get(key)
    if found is None:
        if below >= DEPTH_MAX:
            raise _too_deep()
        versions = WorkflowVersion.objects.filter(workflow_id=workflow_id, number=number, published_at__isnull=False)
        row = versions.values_list("workflow__name", "document").first()
        if row is None:
            raise _unpublished(workflow_id, number)
        found = _published_make(workflow_id, number, *row, below=below)
        _published.put(key, found)
    return found


def _published_make(workflow_id: UUID, number: int, name: str, document: Mapping[str, Any], *, below: int) -> Published:
    uses: dict[UUID, tuple[str, ...]] = {}
    depth = 1

    def registry(type_: str, version: int) -> NodeType | None:
        nonlocal depth
        inner_id = workflow_id_of(type_)
        if inner_id is None:
            return node_type_get(type_)
        inner = published_get(inner_id, version, below=below + 1)
        title = inner.node_type.title
        for used, path in {inner_id: (), **inner.uses}.items():
            uses.setdefault(used, (title, *path))
        depth = max(depth, inner.depth + 1)
        return inner.node_type

    problems = validate(document, registry)
    if problems:
        parts = {"workflow": name, "version": number, "problem": problems[0].message}
        raise TypeRefused(_("Version %(version)s of “%(workflow)s” cannot run: %(problem)s") % parts)
    node_type = workflow_type(workflow_id=workflow_id, version=number, title=name, document=document, registry=registry)
    return Published(node_type, uses, depth)


def types_kept(name: str, version: int) -> NodeType | None:
    """The registry for graphs that were accepted: what their nodes were then, trashed since or not."""
    workflow_id = workflow_id_of(name)
    if workflow_id is None:
        return node_type_get(name)
    with all_projects("a graph that was accepted may use what its watcher does not see"):
        return published_get(workflow_id, version).node_type


@dataclass
class Types:
    """The registry for a graph that is to be accepted, of the workflow ``within``, which it may not use."""

    within: UUID | None = None
    _names: dict[UUID, tuple[str, bool]] = field(default_factory=dict)

    def __call__(self, name: str, version: int) -> NodeType | None:
        """The type of a node, a workflow's by its name of today."""
        workflow_id = workflow_id_of(name)
        if workflow_id is None:
            if name.startswith(PREFIX):
                raise _unknown()
            return node_type_get(name)
        return self._workflow(workflow_id, version)

    def _workflow(self, workflow_id: UUID, version: int) -> NodeType:
        title, trashed = self._look(workflow_id)
        if trashed:
            raise TypeRefused(
                _("“%(workflow)s” is in the trash. Restore it, or remove this node.") % {"workflow": title}
            )
        if workflow_id == self.within:
            raise _circle([title, title])
        found = published_get(workflow_id, version)
        if self.within is not None and self.within in found.uses:
            # The path ends with the name this workflow had then; people know it by its name of today.
            own = self._look(self.within)[0]
            raise _circle([own, title, *found.uses[self.within][:-1], own])
        for inner in found.uses:
            name, gone = self._look(inner)
            if gone:
                parts = {"workflow": title, "inner": name}
                raise TypeRefused(_("“%(workflow)s” uses “%(inner)s”, which is in the trash. Restore it.") % parts)
        if found.depth >= DEPTH_MAX:
            raise _too_deep()
        return replace(found.node_type, title=title)

    def _look(self, workflow_id: UUID) -> tuple[str, bool]:
        """A workflow's name, and whether it is in the trash."""
        if workflow_id not in self._names:
            row = (
                Workflow.objects.filter(id=workflow_id).values_list("name", "trashed_at", "project__trashed_at").first()
            )
            if row is None:
                raise _unknown()
            self._names[workflow_id] = (row[0], row[1] is not None or row[2] is not None)
        return self._names[workflow_id]


def _unknown() -> TypeRefused:
    return TypeRefused(_("There is no such workflow in this workspace. Remove this node."))


def _unpublished(workflow_id: UUID, number: int) -> TypeRefused:
    row = Workflow.objects.filter(id=workflow_id).values_list("name", "published_version").first()
    if row is None:
        return _unknown()
    parts = {"workflow": row[0], "version": number, "newest": row[1]}
    if row[1] is None:
        return TypeRefused(_("“%(workflow)s” is not published. Publish a version of it first.") % parts)
    message = _("Version %(version)s of “%(workflow)s” is not published. Take version %(newest)s, or publish it.")
    return TypeRefused(message % parts)


def _circle(path: list[str]) -> TypeRefused:
    message = _("A workflow cannot use itself: %(path)s. Remove this node, or choose a version without the circle.")
    return TypeRefused(message % {"path": " → ".join(path)}, code="recursion")


def _too_deep() -> TypeRefused:
    message = _("Workflows can be used inside each other %(depth)s deep, not deeper.") % {"depth": DEPTH_MAX}
    return TypeRefused(message, code="too-deep")


def graph_problems(workflow: Workflow, document: Mapping[str, Any]) -> list[GraphProblem]:
    """Everything that keeps this graph of a workflow from running."""
    return validate(document, Types(workflow.id))


# --- The catalogue ---------------------------------------------------------------------------------------------------


def catalogue() -> list[dict[str, Any]]:
    """The node types of the workspace in scope: the built-in ones, then its published workflows that have ports."""
    return [*described(catalogue_json()), *(node_type_json(node_type) for node_type in _workflow_types())]


def _workflow_types(without: UUID | None = None) -> list[NodeType]:
    has_ports = Q(document__contains={"nodes": [{"type": OUTPUT}]}) | Q(document__contains={"nodes": [{"type": INPUT}]})
    rows = (
        WorkflowVersion.objects.filter(
            has_ports,
            workflow__trashed_at=None,
            workflow__project__trashed_at=None,
            number=F("workflow__published_version"),
        )
        .exclude(workflow_id=without)
        .order_by("workflow__name", "workflow_id")
    )
    found = []
    for workflow_id, number, name in rows.values_list("workflow_id", "number", "workflow__name"):
        try:
            found.append(replace(published_get(workflow_id, number).node_type, title=name))
        except TypeRefused:  # a built-in node has changed since: it cannot run any more, and is no use as a node
            continue
    return found


def catalogue_for(workflow: Workflow, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The node types for drawing this graph: without itself, and with the older versions that its nodes are pinned to.

    An older version comes before the newest: a reader who keeps one version of each type keeps the newest.
    """
    newest = _workflow_types(without=workflow.id)
    shown = {(node_type.type, node_type.version) for node_type in newest}
    pinned = []
    for type_, version in sorted({(node["type"], node["version"]) for node in document["nodes"]} - shown):
        workflow_id = workflow_id_of(type_)
        if workflow_id is None:
            continue
        try:
            pinned.append(published_get(workflow_id, version).node_type)
        except TypeRefused:
            continue
    return [*described(catalogue_json()), *(node_type_json(node_type) for node_type in (*pinned, *newest))]
