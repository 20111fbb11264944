"""Projects, workflows, their graphs and versions over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import not_found
from apps.projects import schemas, services, versions
from apps.projects.journal import BYTES_MAX, row_json
from apps.projects.models import Operation, Project, Workflow, WorkflowVersion
from apps.projects.refusals import as_problems, too_much_json
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["projects"])
read_shared = api_auth("read", guests=True)
write = api_auth("projects:write")


def _project(project_id: UUID, *, trashed: bool = False) -> Project:
    """The project, if it is this workspace's; from the trash only with ``trashed``."""
    rows = Project.objects.filter(id=project_id)
    project: Project | None = (rows if trashed else rows.filter(Project.LIVE)).first()
    if project is None:
        raise not_found()
    return project


def _workflow(workflow_id: UUID, *, trashed: bool = False) -> Workflow:
    """The workflow without its snapshot, if it is this workspace's; from the trash only with ``trashed``."""
    if trashed:
        rows = Workflow.objects.filter(id=workflow_id, project__trashed_at=None).defer(Workflow.HEAVY)
        workflow: Workflow | None = rows.first()
    else:
        workflow = services.workflow_get(workflow_id)
    if workflow is None:
        raise not_found()
    return workflow


def _with_graph(workflow: Workflow) -> dict[str, Any]:
    document, seq = services.workflow_document(workflow)
    return {**schemas.WorkflowSummary.of(workflow), "seq": seq, "graph": document}


def _size_check(request: HttpRequest) -> None:
    if len(request.body) > BYTES_MAX:
        raise too_much_json()


@router.post("/projects", auth=write, response={201: schemas.ProjectOut})
def project_create(request: ApiRequest, body: schemas.ProjectIn) -> Status[Any]:
    """Make a project."""
    with as_problems():
        project = services.project_create(
            workspace_id=request.workspace.id, name=body.name, description=body.description, actor_id=request.user.id
        )
    return Status(201, schemas.ProjectOut.of(project))


@router.get("/projects", auth=read_shared, response=schemas.ProjectPage)
def project_list(
    request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None, trashed: bool = False
) -> dict[str, Any]:
    """List projects, newest first; with `trashed=true` those in the trash."""
    rows, following = keyset_page(Project.objects.filter(trashed_at__isnull=not trashed), limit=limit, cursor=cursor)
    return {"items": [schemas.ProjectOut.of(row) for row in rows], "next": following}


@router.get("/projects/{project_id}", auth=read_shared, response=schemas.ProjectOut)
def project_get(request: ApiRequest, project_id: UUID) -> dict[str, Any]:
    """Read a project."""
    return schemas.ProjectOut.of(_project(project_id))


@router.patch("/projects/{project_id}", auth=write, response=schemas.ProjectOut)
def project_update(request: ApiRequest, project_id: UUID, body: schemas.ProjectPatch) -> dict[str, Any]:
    """Change a project's name or description."""
    with as_problems():
        project = services.project_rename(project=_project(project_id), name=body.name, description=body.description)
    return schemas.ProjectOut.of(project)


@router.delete("/projects/{project_id}", auth=write, response={204: None})
def project_delete(request: ApiRequest, project_id: UUID) -> Status[None]:
    """Put a project in the trash, from where it can be restored."""
    services.project_trash(project=_project(project_id))
    return Status(204, None)


@router.post("/projects/{project_id}/restore", auth=write, response=schemas.ProjectOut)
def project_restore(request: ApiRequest, project_id: UUID) -> dict[str, Any]:
    """Take a project out of the trash."""
    return schemas.ProjectOut.of(services.project_restore(project=_project(project_id, trashed=True)))


@router.post("/projects/{project_id}/workflows", auth=write, response={201: schemas.WorkflowOut})
def workflow_create(request: ApiRequest, project_id: UUID, body: schemas.WorkflowIn) -> Status[Any]:
    """Make a workflow, empty or with a graph. The graph may be a draft with mistakes; a run of it is refused."""
    _size_check(request)
    with as_problems():
        workflow = services.workflow_create(
            workspace_id=request.workspace.id,
            project_id=_project(project_id).id,
            name=body.name,
            graph=body.graph,
            actor_id=request.user.id,
        )
    return Status(201, _with_graph(workflow))


@router.get("/projects/{project_id}/workflows", auth=read_shared, response=schemas.WorkflowPage)
def workflow_list(
    request: ApiRequest,
    project_id: UUID,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
    trashed: bool = False,
) -> dict[str, Any]:
    """List a project's workflows, newest first; with `trashed=true` those in the trash."""
    workflows = Workflow.objects.defer(Workflow.HEAVY).filter(
        project=_project(project_id), trashed_at__isnull=not trashed
    )
    rows, following = keyset_page(workflows, limit=limit, cursor=cursor)
    return {"items": [schemas.WorkflowSummary.of(row) for row in rows], "next": following}


@router.get("/workflows/{workflow_id}", auth=read_shared, response=schemas.WorkflowOut)
def workflow_get(request: ApiRequest, workflow_id: UUID) -> dict[str, Any]:
    """Read a workflow with its graph."""
    return _with_graph(_workflow(workflow_id))


@router.patch("/workflows/{workflow_id}", auth=write, response=schemas.WorkflowSummary)
def workflow_update(request: ApiRequest, workflow_id: UUID, body: schemas.WorkflowPatch) -> dict[str, Any]:
    """Change a workflow's name."""
    with as_problems():
        workflow = services.workflow_rename(workflow=_workflow(workflow_id), name=body.name)
    return schemas.WorkflowSummary.of(workflow)


@router.delete("/workflows/{workflow_id}", auth=write, response={204: None})
def workflow_delete(request: ApiRequest, workflow_id: UUID) -> Status[None]:
    """Put a workflow in the trash, from where it can be restored. Its runs stay."""
    services.workflow_trash(workflow=_workflow(workflow_id))
    return Status(204, None)


@router.post("/workflows/{workflow_id}/restore", auth=write, response=schemas.WorkflowSummary)
def workflow_restore(request: ApiRequest, workflow_id: UUID) -> dict[str, Any]:
    """Take a workflow out of the trash."""
    return schemas.WorkflowSummary.of(services.workflow_restore(workflow=_workflow(workflow_id, trashed=True)))


@router.post("/workflows/{workflow_id}/duplicate", auth=write, response={201: schemas.WorkflowOut})
def workflow_duplicate(request: ApiRequest, workflow_id: UUID) -> Status[Any]:
    """Make a copy of a workflow with a history of its own."""
    with as_problems():
        copy = services.workflow_duplicate(workflow=_workflow(workflow_id), actor_id=request.user.id)
    return Status(201, _with_graph(copy))


@router.put("/workflows/{workflow_id}/graph", auth=write, response=schemas.WorkflowOut)
def graph_replace(request: ApiRequest, workflow_id: UUID, body: schemas.GraphIn) -> dict[str, Any]:
    """Replace the graph. What others changed since `base_seq` is kept, or answered with 409 where the changes meet."""
    _size_check(request)
    workflow = _workflow(workflow_id)
    with as_problems():
        services.graph_replace(workflow=workflow, base_seq=body.base_seq, graph=body.graph, actor_id=request.user.id)
    return _with_graph(_workflow(workflow_id))


@router.post("/workflows/{workflow_id}/ops", auth=write, response=schemas.OpsOut)
def operations_apply(request: ApiRequest, workflow_id: UUID, body: schemas.OpsIn) -> dict[str, Any]:
    """Apply operations in order, all or none. Safe to repeat: a `client_seq` is applied once."""
    _size_check(request)
    with as_problems():
        applied = services.operations_apply(
            workflow=_workflow(workflow_id), actor_id=request.user.id, client_id=body.client_id, ops=body.ops
        )
    return {"seq": applied.seq, "ops": [{"client_seq": row.client_seq, "seq": row.seq} for row in applied.rows]}


@router.get("/workflows/{workflow_id}/ops", auth=read_shared, response=schemas.OpsPage)
def operations_list(
    request: ApiRequest, workflow_id: UUID, after: int = 0, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """Read the log in order, from the operation after `after`."""
    rows = Operation.objects.filter(workflow=_workflow(workflow_id), seq__gt=after).select_related("actor")
    page, following = keyset_page(rows, limit=limit, cursor=cursor, order=("seq",))
    return {"items": [row_json(row) for row in page], "next": following}


@router.post("/workflows/{workflow_id}/versions", auth=write, response={201: schemas.VersionOut})
def version_create(request: ApiRequest, workflow_id: UUID, body: schemas.VersionIn | None = None) -> Status[Any]:
    """Keep this moment of the workflow as a version."""
    body = body or schemas.VersionIn()
    workflow = _workflow(workflow_id)
    with as_problems():
        version = versions.version_create(workflow=workflow, actor_id=request.user.id, name=body.name, note=body.note)
    version.created_by = request.user
    return Status(201, schemas.VersionOut.of(version, workflow.published_version))


@router.get("/workflows/{workflow_id}/versions", auth=read_shared, response=schemas.VersionPage)
def version_list(
    request: ApiRequest, workflow_id: UUID, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """List a workflow's versions, newest first."""
    workflow = _workflow(workflow_id)
    rows = WorkflowVersion.objects.filter(workflow=workflow).defer("document").select_related("created_by")
    page, following = keyset_page(rows, limit=limit, cursor=cursor, order=("-number",))
    return {"items": [schemas.VersionOut.of(row, workflow.published_version) for row in page], "next": following}


def _version(workflow: Workflow, number: int) -> WorkflowVersion:
    rows = WorkflowVersion.objects.filter(workflow=workflow, number=number).select_related("created_by")
    version: WorkflowVersion | None = rows.first()
    if version is None:
        raise not_found()
    return version


@router.get("/workflows/{workflow_id}/versions/{number}", auth=read_shared, response=schemas.VersionGraphOut)
def version_get(request: ApiRequest, workflow_id: UUID, number: int) -> dict[str, Any]:
    """Read a version with its graph."""
    workflow = _workflow(workflow_id)
    version = _version(workflow, number)
    return {**schemas.VersionOut.of(version, workflow.published_version), "graph": version.document}


@router.post("/workflows/{workflow_id}/versions/{number}/publish", auth=write, response=schemas.VersionOut)
def version_publish(request: ApiRequest, workflow_id: UUID, number: int) -> dict[str, Any]:
    """Make a version the one that triggers and the API run."""
    workflow = _workflow(workflow_id)
    _version(workflow, number)
    with as_problems():
        version = versions.version_publish(workflow=workflow, number=number)
    return schemas.VersionOut.of(version, number)
