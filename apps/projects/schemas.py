"""The shapes of projects and workflows over HTTP. Times are RFC 3339 in UTC with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import PlainSerializer, StringConstraints

from apps.common.bodies import STORABLE, Body
from apps.projects.models import NAME_MAX, Project, Workflow, WorkflowVersion


def rfc3339(moment: datetime) -> str:
    """A moment as every part of the API writes it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX, pattern=STORABLE)]
Label = Annotated[str, StringConstraints(max_length=NAME_MAX, pattern=STORABLE)]
Text = Annotated[str, StringConstraints(max_length=2000, pattern=STORABLE)]


class ProjectIn(Body):
    """What a new project needs."""

    name: Name
    description: Text = ""


class ProjectPatch(Body):
    """What may be changed of a project; what is left out stays."""

    name: Name | None = None
    description: Text | None = None


class ProjectOut(Schema):
    """A project."""

    id: UUID
    name: str
    description: str
    created_at: Moment
    updated_at: Moment
    trashed_at: Moment | None
    private: bool

    @staticmethod
    def of(project: Project) -> dict[str, Any]:
        """The row's values under the API's names."""
        return {
            "id": project.id,
            "name": project.name,
            "description": project.description,
            "created_at": project.created_at,
            "updated_at": project.active_at,
            "trashed_at": project.trashed_at,
            "private": project.private,
        }


class ProjectPage(Schema):
    """One page of projects."""

    items: list[ProjectOut]
    next: str | None


class WorkflowIn(Body):
    """What a new workflow needs. ``graph`` is a graph document; a draft may hold mistakes."""

    name: Name
    graph: Any = None


class WorkflowPatch(Body):
    """What may be changed of a workflow beside its graph."""

    name: Name


class WorkflowSummary(Schema):
    """A workflow without its graph."""

    id: UUID
    name: str
    project: UUID
    seq: int
    published_version: int | None
    created_at: Moment
    updated_at: Moment
    trashed_at: Moment | None

    @staticmethod
    def of(workflow: Workflow) -> dict[str, Any]:
        """The row's values under the API's names."""
        return {
            "id": workflow.id,
            "name": workflow.name,
            "project": workflow.project_id,
            "seq": workflow.last_seq,
            "published_version": workflow.published_version,
            "created_at": workflow.created_at,
            "updated_at": workflow.active_at,
            "trashed_at": workflow.trashed_at,
        }


class WorkflowOut(WorkflowSummary):
    """A workflow with its graph, which stands at ``seq``."""

    graph: dict[str, Any]


class WorkflowPage(Schema):
    """One page of workflows."""

    items: list[WorkflowSummary]
    next: str | None


class GraphIn(Body):
    """A whole graph, and the ``seq`` of the one it was made from."""

    base_seq: int = Field(ge=0)
    graph: Any


class OpsIn(Body):
    """Operations of one client, each ``{client_seq, op, …}``; ``client_seq`` counts up within ``client_id``."""

    client_id: str
    ops: list[Any]


class AppliedOp(Schema):
    """Where an operation stands in the log."""

    client_seq: int
    seq: int


class OpsOut(Schema):
    """The log's position after the operations, and each one's own."""

    seq: int
    ops: list[AppliedOp]


class OpsPage(Schema):
    """One page of the log, as the socket sends it: the operation's keys lie beside the envelope's."""

    items: list[dict[str, Any]]
    next: str | None


class VersionIn(Body):
    """A name and a note for this moment of the workflow."""

    name: Label = ""
    note: Text = ""


class VersionOut(Schema):
    """A version without its graph."""

    number: int
    name: str
    note: str
    seq: int
    created_at: Moment
    created_by: str | None
    published_at: Moment | None
    published: bool

    @staticmethod
    def of(version: WorkflowVersion, published: int | None) -> dict[str, Any]:
        """The row's values under the API's names; ``published`` is the number the workflow runs."""
        return {
            "number": version.number,
            "name": version.name,
            "note": version.note,
            "seq": version.seq,
            "created_at": version.created_at,
            "created_by": version.created_by and version.created_by.get_full_name(),
            "published_at": version.published_at,
            "published": version.number == published,
        }


class VersionGraphOut(VersionOut):
    """A version with its graph."""

    graph: dict[str, Any]


class VersionPage(Schema):
    """One page of versions, newest first."""

    items: list[VersionOut]
    next: str | None
