"""Runs over HTTP, and what a run needs to know beforehand: the catalogue, validation, the price."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from channels.db import database_sync_to_async
from django.db.models import Sum
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Status

from apps.billing.models import Hold, HoldState
from apps.common.bodies import NoBody
from apps.common.described import described
from apps.common.paging import LIMIT_DEFAULT, LIMIT_MAX, bad_cursor, keyset_page, limit_check, list_page
from apps.common.problems import Problem, not_found
from apps.engine.node_types import NodeType
from apps.engine.validation import TypeRefused, node_type_of, order_of, validate
from apps.projects.models import Workflow, WorkflowVersion
from apps.projects.schemas import rfc3339
from apps.projects.services import workflow_document, workflow_get
from apps.projects.subflows import Types, catalogue
from apps.providers.catalogue import offered
from apps.providers.entries import Capability, Kind
from apps.runs import schemas, services, watch
from apps.runs.admission import waits_for
from apps.runs.listing import attempts_of, children_of, step_json, steps_page
from apps.runs.models import Run, RunEvent, RunState
from apps.runs.reasons import reason_text
from apps.runs.refusals import as_problems
from apps.runs.watch import Event, events_after, follow
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import access_holds, api_auth, forbidden
from apps.workspaces.idempotency import idempotent
from apps.workspaces.models import Role

router = Router(tags=["runs"])
read = api_auth("read")
read_shared = api_auth("read", guests=True)
write = api_auth("runs:write")
write_start = api_auth("runs:write", more="starts")
may_start = api_auth("runs:write", more="starts", role_later=True)
# No run has more events than a bigint can count.
SEQ_DIGITS = 18


def _workflow(workflow_id: UUID) -> Workflow:
    workflow = workflow_get(workflow_id)
    if workflow is None:
        raise not_found()
    return workflow


def _workflow_to_run(workflow_id: UUID) -> Workflow:
    """The workflow if the caller may run it: one statement, and a second one only to say why not."""
    workflow = workflow_get(workflow_id, need=Role.EDITOR)
    if workflow is not None:
        return workflow
    _workflow(workflow_id)
    raise forbidden("runs:write")


def _run(run_id: UUID) -> Run:
    run: Run | None = Run.objects.filter(id=run_id).first()
    if run is None:
        raise not_found()
    return run


def run_links(workspace_slug: str, run: Run) -> dict[str, str]:
    """Where a run is looked at, and where its events stream."""
    return {
        "url": reverse("runs:run_detail", args=[workspace_slug, run.id]),
        "events": f"/api/v1/runs/{run.id}/events",
    }


def _held(runs: list[Run]) -> dict[UUID, int]:
    live = [run.id for run in runs if run.finished_at is None and run.price_high]
    if not live:
        return {}
    rows = Hold.objects.filter(run_id__in=live, state=HoldState.OPEN).values("run_id").annotate(held=Sum("amount"))
    return {row["run_id"]: row["held"] for row in rows}


def run_json(request: ApiRequest, run: Run, held: int) -> dict[str, Any]:
    """A run as the API shows it."""
    fields = (
        "id",
        "version",
        "dry_run",
        "max_credits",
        "state",
        "created_at",
        "started_at",
        "finished_at",
        "cost",
        "error",
        "last_seq",
    )
    return {
        **{name: getattr(run, name) for name in fields},
        "workflow": run.workflow_id,
        "from_run": run.from_run_id,
        "from_node": run.from_node or None,
        "parent": run.parent_id,
        "held": held,
        **run_links(request.workspace.slug, run),
    }


@router.get("/node-types", auth=read)
def node_type_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """The catalogue of node types: the built-in ones, then the workspace's published workflows that have ports."""
    items, following = list_page(catalogue(), key="type", limit=limit, cursor=cursor)
    return {"items": items, "next": following}


@router.get("/models", auth=read)
def model_list(
    request: ApiRequest,
    kind: Kind | Literal[""] = "",
    capability: Capability | Literal[""] = "",
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The models that can be chosen; those that were retired are left out."""
    models = [model.to_json() for model in offered(capability) if kind in ("", model.kind)]
    items, following = list_page(models, key="id", limit=limit, cursor=cursor)
    return {"items": described(items), "next": following}


@router.post("/workflows/{workflow_id}/validate", auth=read, response=schemas.Validation, by_alias=True)
def workflow_validate(request: ApiRequest, workflow_id: UUID, body: schemas.DocumentIn | None = None) -> dict[str, Any]:
    """What is wrong with the graph, and the order it would run in."""
    body = body or schemas.DocumentIn()
    document = _document(_workflow(workflow_id), body)
    types = Types(workflow_id)
    problems = validate(document, types, body.targets, body.variables)
    return {
        "ok": not problems,
        "errors": [problem.as_dict() for problem in problems],
        "order": order_of(document)[0],
        "schema": _schema(document, types),
    }


def _document(workflow: Workflow, body: schemas.DocumentIn) -> dict[str, Any]:
    if body.graph is None:
        return workflow_document(workflow)[0]
    with as_problems():
        return services.document_read(body.graph)


def _schema(document: dict[str, Any], types: Types) -> dict[str, Any]:
    """The types at every port, and JSON Schema of the variables by their defaults."""
    ports = {
        node["id"]: {
            "inputs": {port.name: port.type for port in node_type.inputs},
            "outputs": {port.name: port.type for port in node_type.outputs},
        }
        for node in document["nodes"]
        if (node_type := _known(node, types))
    }
    properties = {name: {"default": value} for name, value in document["variables"].items()}
    return {"nodes": ports, "variables": {"type": "object", "properties": properties}}


def _known(node: dict[str, Any], types: Types) -> NodeType | None:
    try:
        return node_type_of(node, types)
    except TypeRefused:
        return None


@router.post("/workflows/{workflow_id}/estimate", auth=read, response=schemas.Estimate)
def workflow_estimate(request: ApiRequest, workflow_id: UUID, body: schemas.PartIn | None = None) -> Any:
    """What a run would do and cost, low and high, per node: what runs, what is reused, what is written outside."""
    body = body or schemas.PartIn()
    workflow = _workflow(workflow_id)
    with as_problems():
        return services.estimate(workflow=workflow, document=body.graph, variables=body.variables, part=_part(body))


@router.delete("/workflows/{workflow_id}/cache", auth=write, response={204: None})
def workflow_cache_clear(request: ApiRequest, workflow_id: UUID, node: str = "") -> Status[None]:
    """Forbid reuse of what this workflow, or one node of it, made up to now."""
    workflow = _workflow(workflow_id)
    services.cache_clear(workspace_id=request.workspace.id, workflow=workflow, node=node.replace("\0", " ")[:64])
    return Status(204, None)


@router.delete("/cache", auth=write, response={204: None})
def cache_clear(request: ApiRequest) -> Status[None]:
    """Forbid reuse of everything the workspace made up to now."""
    services.cache_clear(workspace_id=request.workspace.id)
    return Status(204, None)


@router.post("/workflows/{workflow_id}/runs", auth=may_start, response={202: schemas.RunStarted})
def run_create(request: ApiRequest, workflow_id: UUID, body: schemas.RunIn | None = None) -> HttpResponse:
    """Start a run. With `Idempotency-Key` the first answer is replayed to every repeat."""
    body = body or schemas.RunIn()
    workflow = _workflow_to_run(workflow_id)
    with idempotent(request, body) as answer:
        if answer.known:
            return answer.response()
        with as_problems():
            run = services.run_start(
                workflow=workflow,
                actor_id=request.user.id,
                token_id=request.token.id if request.token else None,
                document=_versioned(workflow, body),
                version=body.version,
                variables=body.variables,
                part=_part(body),
                max_credits=body.max_credits,
                agreed=body.agreed_credits,
                dry_run=body.dry_run,
            )
        return answer.keep(202, {"id": run.id, "state": run.state, **run_links(request.workspace.slug, run)})


def _part(body: schemas.PartIn) -> services.Part:
    return services.Part(body.targets, body.from_run, body.from_node or "", body.inputs)


def _versioned(workflow: Workflow, body: schemas.RunIn) -> dict[str, Any] | None:
    if body.version is None:
        return body.graph
    if body.graph is not None:
        raise Problem("version-or-graph", 422, _("Invalid request"), _("Give either `version` or `graph`, not both."))
    version = WorkflowVersion.objects.filter(workflow=workflow, number=body.version).first()
    if version is None:
        raise not_found()
    document: dict[str, Any] = version.document
    return document


@router.get("/workflows/{workflow_id}/runs", auth=read_shared, response=schemas.RunPage)
def run_list(
    request: ApiRequest, workflow_id: UUID, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """A workflow's runs, newest first."""
    return _page(request, Run.objects.filter(workflow=_workflow(workflow_id)), limit, cursor)


@router.get("/runs", auth=read_shared, response=schemas.RunPage)
def run_list_all(
    request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None, state: RunState | None = None
) -> dict[str, Any]:
    """The workspace's runs, newest first."""
    runs = Run.objects.filter(state=state) if state else Run.objects.all()
    return _page(request, runs, limit, cursor)


def _page(request: ApiRequest, runs: Any, limit: int, cursor: str | None) -> dict[str, Any]:
    rows, following = keyset_page(runs, limit=limit, cursor=cursor)
    held = _held(rows)
    return {"items": [run_json(request, row, held.get(row.id, 0)) for row in rows], "next": following}


@router.get("/runs/{run_id}", auth=read_shared, response=schemas.RunOut)
def run_get(request: ApiRequest, run_id: UUID) -> dict[str, Any]:
    """A run."""
    run = _run(run_id)
    return {**run_json(request, run, _held([run]).get(run.id, 0)), "waits_for": waits_for(run)}


@router.get("/runs/{run_id}/steps", auth=read_shared, response=schemas.StepPage)
def step_list(
    request: ApiRequest, run_id: UUID, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """A run's steps in running order, those still to come included."""
    run = _run(run_id)
    steps, following = steps_page(run, limit=limit, cursor=cursor)
    tries, children, write_too = attempts_of(run, steps), children_of(run), "runs:write" in request.scopes
    items = []
    for step in steps:
        place = (step.position, step.item)
        items.append(step_json(run, step, tries.get(place, []), children.get(place), may_answer=write_too))
    return {"items": items, "next": following}


@router.get("/runs/{run_id}/steps/{node}/{item}/logs", auth=read_shared)
def step_logs(request: ApiRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """The log of a step as plain text, a line per entry."""
    place = {"body__node": node.replace("\0", " "), "body__item": item}
    rows = RunEvent.objects.filter(run=_run(run_id), kind="step_log", **place).order_by("seq")
    lines = [f"{rfc3339(at)} {body['line']}\n" for at, body in rows.values_list("at", "body")]
    return HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")


@router.post("/runs/{run_id}/cancel", auth=write, response={202: schemas.RunOut})
def run_cancel(request: ApiRequest, run_id: UUID, body: NoBody | None = None) -> Status[Any]:
    """Ask a run to end."""
    run = services.run_cancel(run=_run(run_id))
    return Status(202, run_json(request, run, _held([run]).get(run.id, 0)))


@router.post("/runs/{run_id}/retry", auth=write_start, response={202: schemas.RunStarted})
def run_retry(request: ApiRequest, run_id: UUID, body: NoBody | None = None) -> HttpResponse:
    """A new run of the same graph that does again only what did not succeed."""
    with idempotent(request, None) as answer:
        if answer.known:
            return answer.response()
        with as_problems():
            token_id = request.token.id if request.token else None
            run = services.run_retry(run=_run(run_id), actor_id=request.user.id, token_id=token_id)
        return answer.keep(202, {"id": run.id, "state": run.state, **run_links(request.workspace.slug, run)})


@router.get("/runs/{run_id}/events", auth=read_shared)
def run_events(
    request: ApiRequest,
    run_id: UUID,
    after: int = 0,
    limit: int = LIMIT_MAX,
    cursor: str | None = None,
    format: Literal["sse", "json"] = "sse",  # noqa: A002 (the contract names it)
) -> HttpResponseBase:
    """The run's events as Server-Sent Events from `after` (or `Last-Event-ID`) on, or as JSON, paged, what exists."""
    run = _run(run_id)
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if _is_seq(last) else after
    if format == "json":
        events = events_after(run.id, _seq(cursor) if cursor else after, limit_check(limit))
        following = str(events[-1].seq) if events and events[-1].seq < run.last_seq else None
        return JsonResponse({"items": [_event_json(event) for event in events], "next": following})
    return StreamingHttpResponse(
        _sse(request, run, after),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def _event_json(event: Event) -> dict[str, Any]:
    # Written out here, because JsonResponse would cut it to milliseconds.
    body = event.body
    if "cache_reason" in body:
        body = {**body, "cache_reason": reason_text(body["cache_reason"])}
    return {"seq": event.seq, "kind": event.kind, "at": rfc3339(event.at), **body}


def _seq(cursor: str) -> int:
    if not _is_seq(cursor):
        raise bad_cursor()
    return int(cursor)


def _is_seq(text: str) -> bool:
    return len(text) <= SEQ_DIGITS and text.isascii() and text.isdigit()


async def _sse(request: ApiRequest, run: Run, after: int) -> AsyncIterator[str]:
    checked = monotonic()
    async with aclosing(follow(run, after)) as batches:
        async for events in batches:
            if monotonic() - checked >= watch.RECHECK_S:
                checked = monotonic()
                if not await database_sync_to_async(access_holds)(request, run.project_id):
                    return
            yield _sse_text(events)


def _sse_text(events: list[Event]) -> str:
    if not events:
        return ": nothing new\n\n"
    return "".join(
        f"id: {event.seq}\nevent: {event.kind}\ndata: {json.dumps(_event_json(event))}\n\n" for event in events
    )
