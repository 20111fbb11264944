"""The door for writes to projects and workflows.

Graphs are changed by :func:`operations_apply` and :func:`graph_replace` only; both append to the workflow's log under
its row's lock, so ``seq`` is gapless and in commit order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from apps.common.ids import uuid7
from apps.common.statements import row_read
from apps.common.tenancy import current_reader, current_workspace_id
from apps.engine.documents import DocumentError, document_parse
from apps.engine.operations import diff, empty_document, fold
from apps.projects import envelopes
from apps.projects.journal import (
    DocumentTooLarge,
    document_at,
    document_check,
    document_read,
    nested_too_deep,
    rows_after,
    rows_append,
)
from apps.projects.merging import clashes, touching
from apps.projects.models import NAME_MAX, Operation, Project, Workflow
from apps.projects.sharing import project_found
from apps.projects.sight import LIVE_SQL, SEEN_SQL, enough_params
from apps.projects.starters import Starter
from apps.workspaces.audit import audit_row
from apps.workspaces.models import Role
from apps.workspaces.sight import MemberReader

workflow_document = document_read


class NameInvalid(ValueError):
    """A name must have 1 to 100 characters."""


class WorkflowGone(Exception):
    """This workflow is in the trash."""


class GraphRefused(ValueError):
    """The graph is malformed. ``errors`` are ``{node, port, code, message}``."""

    def __init__(self, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class BaseSeqUnknown(ValueError):
    """``base_seq`` is not a moment of this workflow's log."""

    def __init__(self, last_seq: int) -> None:
        super().__init__(self.__doc__)
        self.last_seq = last_seq


class GraphConflict(Exception):
    """Others changed the same fields since ``base_seq``; ``rows`` are their operations."""

    def __init__(self, rows: list[Operation], last_seq: int) -> None:
        super().__init__(self.__doc__)
        self.rows = rows
        self.last_seq = last_seq


@dataclass(frozen=True)
class AppliedOperations:
    """What a request came to: the log's position after it, and one row per operation sent."""

    seq: int
    rows: list[Operation]


def workflow_get(workflow_id: UUID, *, need: Role = Role.GUEST) -> Workflow | None:
    """The workflow of the workspace in scope, without its snapshot; None if it or its project is in the trash.

    For a reader in scope also None where they do not have the role ``need`` in its project, or do not see it.
    """
    reader, workspace_id = current_reader(), current_workspace_id()
    if not isinstance(reader, MemberReader):
        return row_read(Workflow, LIVE_SQL, [workflow_id, workspace_id], without=(Workflow.HEAVY,))
    params = [workflow_id, workspace_id, *enough_params(reader, need)]
    return row_read(Workflow, SEEN_SQL, params, without=(Workflow.HEAVY,))


def text_clean(text: str) -> str:
    """Text without what PostgreSQL cannot hold."""
    return text.replace("\x00", "").strip()


def _name_clean(name: str) -> str:
    clean = " ".join(text_clean(name).split())
    if not 1 <= len(clean) <= NAME_MAX:
        raise NameInvalid(_("A name must have 1 to 100 characters."))
    return clean


def _touch(project_id: UUID, workspace_id: UUID) -> None:
    """Note activity in a project, at most once a minute: editing must not queue on the project's row."""
    now = timezone.now()
    stale = Project.objects.for_workspace(workspace_id).filter(id=project_id, active_at__lt=now - timedelta(minutes=1))
    stale.update(active_at=now)


def _saved(action: str, row: Project | Workflow, *fields: str) -> None:
    with transaction.atomic():
        row.save(update_fields=fields)
        audit_row(action, row)


# --- Projects ------------------------------------------------------------------------------------------------------


@transaction.atomic
def project_create(
    *, workspace_id: UUID, name: str, actor_id: UUID | None, description: str = "", private: bool = False
) -> Project:
    """A new, empty project, of which the actor is an admin; ``private`` needs one. Raises NameInvalid."""
    project: Project = Project.objects.for_workspace(workspace_id).create(
        workspace_id=workspace_id,
        name=_name_clean(name),
        description=description,
        created_by_id=actor_id,
        private=private,
    )
    project_found(project=project, actor_id=actor_id)
    audit_row("project_create", project, actor_id)
    return project


def project_start(*, workspace_id: UUID, starter: Starter, actor_id: UUID | None) -> Workflow:
    """A project and in it the workflow of a starter: the shortest way from nothing to something that runs."""
    with transaction.atomic():
        project = project_create(workspace_id=workspace_id, name=str(starter.title), actor_id=actor_id)
        return workflow_create(
            workspace_id=workspace_id,
            project_id=project.id,
            name=str(starter.title),
            graph=starter.graph(),
            actor_id=actor_id,
        )


def project_rename(*, project: Project, name: str | None = None, description: str | None = None) -> Project:
    """Change a project's name, its description, or both. Raises NameInvalid."""
    before = {"name": project.name, "description": project.description}
    if name is not None:
        project.name = _name_clean(name)
    if description is not None:
        project.description = description
    project.active_at = timezone.now()
    with transaction.atomic():
        project.save(update_fields=["name", "description", "active_at"])
        audit_row("project_rename", project, before=before, after={name: getattr(project, name) for name in before})
    return project


def project_trash(*, project: Project) -> Project:
    """Put a project, and with it its workflows, out of sight. Nothing is deleted; a second time changes nothing."""
    if project.trashed_at is None:
        project.trashed_at = timezone.now()
        _saved("project_trash", project, "trashed_at")
    return project


def project_restore(*, project: Project) -> Project:
    """Take a project out of the trash; workflows that were trashed by themselves stay there."""
    project.trashed_at = None
    project.active_at = timezone.now()
    _saved("project_restore", project, "trashed_at", "active_at")
    return project


# --- Workflows -----------------------------------------------------------------------------------------------------


def _graph_parse(graph: Any) -> dict[str, Any]:
    """A document from outside. Drafts may hold mistakes, but only such as operations can express."""
    if nested_too_deep(graph):
        raise GraphRefused(_("The graph is nested too deeply."))
    try:
        document = document_parse(graph)
    except DocumentError as error:
        problem = {"node": error.node, "port": None, "code": error.code, "message": error.detail}
        raise GraphRefused(error.detail, [problem]) from error
    nodes = {node["id"] for node in document["nodes"]}
    loose = [
        {
            "node": edge[end],
            "port": edge[f"{end}_port"],
            "code": "unknown_node",
            "message": message % (edge["id"], edge[end]),
        }
        for edge in document["edges"]
        for end, message in (
            ("source", _("Edge %s starts at node %s, which is not in the graph.")),
            ("target", _("Edge %s ends at node %s, which is not in the graph.")),
        )
        if edge[end] not in nodes
    ]
    if loose:
        raise GraphRefused(str(loose[0]["message"]), loose)
    document_check(document)
    return document


def workflow_create(
    *, workspace_id: UUID, project_id: UUID, name: str, graph: Any = None, actor_id: UUID | None
) -> Workflow:
    """A workflow in a project of this workspace, empty or with ``graph`` (a JSON document, drafts allowed).

    Raises NameInvalid, GraphRefused, DocumentTooLarge; Project.DoesNotExist for a foreign or trashed project.
    """
    name = _name_clean(name)
    document = empty_document() if graph is None else _graph_parse(graph)
    with transaction.atomic():
        project = Project.objects.for_workspace(workspace_id).get(Project.LIVE, id=project_id)
        workflow: Workflow = Workflow.objects.for_workspace(workspace_id).create(
            workspace_id=workspace_id, project=project, name=name, created_by_id=actor_id, snapshot=empty_document()
        )
        document_set(workflow, empty_document(), document, actor_id)
        _touch(project.id, workspace_id)
        audit_row("workflow_create", workflow, actor_id)
    return workflow


def document_set(
    workflow: Workflow, current: dict[str, Any], wanted: dict[str, Any], actor_id: UUID | None
) -> list[Operation]:
    """Append the operations that lead from ``current``, the document at the log's end, to ``wanted``."""
    ops = diff(current, wanted)
    client_id = f"api:{uuid7().hex}"
    return rows_append(
        workflow, actor_id=actor_id, client_id=client_id, submitted=enumerate(ops, 1), result=fold(current, ops)
    )


def workflow_rename(*, workflow: Workflow, name: str) -> Workflow:
    """Change a workflow's name. Raises NameInvalid."""
    before, workflow.name = workflow.name, _name_clean(name)
    workflow.active_at = timezone.now()
    with transaction.atomic():
        workflow.save(update_fields=["name", "active_at"])
        audit_row("workflow_rename", workflow, before={"name": before}, after={"name": workflow.name})
    return workflow


def workflow_trash(*, workflow: Workflow) -> Workflow:
    """Put a workflow out of sight. Its log, versions and runs stay; a second time changes nothing."""
    if workflow.trashed_at is None:
        workflow.trashed_at = timezone.now()
        _saved("workflow_trash", workflow, "trashed_at")
    return workflow


def workflow_restore(*, workflow: Workflow) -> Workflow:
    """Take a workflow out of the trash."""
    workflow.trashed_at = None
    workflow.active_at = timezone.now()
    _saved("workflow_restore", workflow, "trashed_at", "active_at")
    return workflow


def workflow_duplicate(*, workflow: Workflow, actor_id: UUID | None) -> Workflow:
    """A new workflow beside this one with the same graph and a history of its own."""
    document, _seq = document_read(workflow)
    name = Truncator(_("Copy of %(name)s") % {"name": workflow.name}).chars(NAME_MAX)
    return workflow_create(
        workspace_id=workflow.workspace_id, project_id=workflow.project_id, name=name, graph=document, actor_id=actor_id
    )


def workflow_lock(workflow: Workflow) -> Workflow:
    """The workflow's row, locked until the transaction ends. Raises WorkflowGone."""
    rows = Workflow.objects.for_workspace(workflow.workspace_id).filter(Workflow.LIVE, id=workflow.id)
    locked: Workflow | None = rows.defer(Workflow.HEAVY).select_for_update(of=("self",)).first()
    if locked is None:
        raise WorkflowGone(_("This workflow is in the trash."))
    return locked


# --- The graph -----------------------------------------------------------------------------------------------------


def operations_apply(*, workflow: Workflow, actor_id: UUID | None, client_id: str, ops: Any) -> AppliedOperations:
    """Append operations, each ``{"client_seq": n, "op": …, …}``, in their order; all of them or none.

    Safe to repeat: what ``(client_id, client_seq)`` already brought keeps its seq and changes nothing. Raises
    envelopes.OperationRefused, ClientSeqReused, DocumentTooLarge, WorkflowGone.
    """
    submitted = envelopes.open_all(client_id, ops)
    with transaction.atomic():
        locked = workflow_lock(workflow)
        try:
            rows = rows_append(locked, actor_id=actor_id, client_id=client_id, submitted=submitted)
        except DocumentTooLarge as error:
            # The last one is named: what came before it may still fit.
            error.client_seq = submitted[-1][0]
            raise
        _touch(locked.project_id, locked.workspace_id)
    return AppliedOperations(seq=max((row.seq for row in rows), default=locked.last_seq), rows=rows)


def graph_replace(*, workflow: Workflow, base_seq: int, graph: Any, actor_id: UUID | None) -> AppliedOperations:
    """Make the graph what ``graph`` says, as changes against the document at ``base_seq``.

    What others changed since then stays where the two do not meet. Raises GraphConflict where they do,
    BaseSeqUnknown, GraphRefused, DocumentTooLarge, WorkflowGone.
    """
    wanted = _graph_parse(graph)
    with transaction.atomic():
        locked = workflow_lock(workflow)
        if not 0 <= base_seq <= locked.last_seq:
            raise BaseSeqUnknown(locked.last_seq)
        current, _seq = document_read(locked)
        base = current if base_seq == locked.last_seq else document_at(locked, base_seq)
        mine = diff(base, wanted)
        if clashing := clashes(mine, diff(base, current)):
            since = rows_after(locked.workspace_id, locked.id, base_seq)
            met = touching([row.op for row in since], clashing)
            raise GraphConflict([row for row, meets in zip(since, met, strict=True) if meets], locked.last_seq)
        rows = document_set(locked, current, fold(current, mine), actor_id)
        _touch(locked.project_id, locked.workspace_id)
    return AppliedOperations(seq=locked.last_seq, rows=rows)
