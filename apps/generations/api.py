"""Generations over the API: one provider call without a graph, and the tape."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from apps.assets.models import Asset
from apps.billing.services import CreditsRefused
from apps.common.problems import Problem, not_found
from apps.generations.comparison_api import ComparisonOut, comparison_json
from apps.generations.comparisons import comparison_start
from apps.generations.fragments import outputs_with_urls, with_outputs
from apps.generations.lineage import Lineage, lineage_of, thing_of
from apps.generations.models import Generation
from apps.generations.pricing import PriceRisen
from apps.generations.remarks import RemarkInvalid, generation_remark
from apps.generations.schemas import (
    CompareIn,
    GenerationIn,
    GenerationOut,
    GenerationPage,
    GenerationQuery,
    GenerationRemarkIn,
    LineageOut,
)
from apps.generations.services import (
    GenerationNotFound,
    GenerationNotUnclear,
    InvalidGeneration,
    Payer,
    generation_cancel,
    generation_give_up,
    generation_start,
)
from apps.generations.tape_form import tape_form
from apps.generations.wording import question
from apps.projects.models import Project
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth
from apps.workspaces.idempotency import idempotent

router = Router(tags=["generations"])


@router.post(
    "/generations",
    auth=api_auth("generations:write", more="starts", by_body=True),
    response={202: GenerationOut | ComparisonOut},
)
def generation_create(request: ApiRequest, body: GenerationIn) -> Any:
    """Make one provider call. Answers at once; watch `GET` on its `url`, or the workspace's socket."""
    _project_check(request, body.project)
    with idempotent(request, body) as answer:
        if answer.known:
            return answer.response()
        if body.compare is not None:
            return answer.keep(202, ComparisonOut.model_validate(_compared(request, body, body.compare, answer.key)))
        row = _started(request, body, answer.key)
        return answer.keep(202, GenerationOut.model_validate(generation_json(row)))


@router.get("/generations", auth=api_auth("read", guests=True), response=GenerationPage)
def generation_list(request: ApiRequest, query: Query[GenerationQuery]) -> Any:
    """The tape, newest first."""
    form = tape_form(query.dict(exclude={"limit", "cursor"}))
    if problems := form.problems():
        said = problems[0]["message"]
        raise Problem("invalid-filter", 422, _("Invalid filter"), said, fields=problems)
    rows, following = form.chosen().page(_rows(request), request.workspace.id, limit=query.limit, cursor=query.cursor)
    return {"items": [generation_json(row) for row in rows], "next": following}


@router.get("/generations/{uuid:generation_id}", auth=api_auth("read", guests=True), response=GenerationOut)
def generation_detail(request: ApiRequest, generation_id: UUID) -> Any:
    """One paid call."""
    return generation_json(_row(request, generation_id))


@router.patch("/generations/{uuid:generation_id}", auth=api_auth("generations:write"), response=GenerationOut)
def generation_remark_set(request: ApiRequest, generation_id: UUID, body: GenerationRemarkIn) -> Any:
    """Give it stars or tags."""
    given = body.dict(exclude_unset=True)
    if given.get("tags", ()) is None:
        given["tags"] = []
    try:
        generation_remark(workspace_id=request.workspace.id, generation_id=generation_id, **given)
    except GenerationNotFound as error:
        raise not_found() from error
    except RemarkInvalid as error:
        said = str(error)
        fields = [{"field": error.field, "message": said}]
        raise Problem("invalid-remark", 422, _("Invalid request"), said, fields=fields) from error
    return generation_json(_row(request, generation_id))


@router.get("/generations/{uuid:generation_id}/lineage", auth=api_auth("read"), response=LineageOut)
def generation_lineage(request: ApiRequest, generation_id: UUID) -> Any:
    """What it was made from and what was made with it, three steps each way and five things a step."""
    _row(request, generation_id)
    return _lineage_json(lineage_of(request.workspace.id, ("generation", generation_id)))


@router.get("/assets/{uuid:asset_id}/lineage", auth=api_auth("read"), response=LineageOut)
def asset_lineage(request: ApiRequest, asset_id: UUID) -> Any:
    """The same for an asset: that of the generation that made it, where one did."""
    if not Asset.objects.for_workspace(request.workspace.id).filter(id=asset_id).exists():
        raise not_found()
    return _lineage_json(lineage_of(request.workspace.id, thing_of(request.workspace.id, asset_id)))


@router.post(
    "/generations/{uuid:generation_id}/cancel", auth=api_auth("generations:write"), response={202: GenerationOut}
)
def generation_cancel_create(request: ApiRequest, generation_id: UUID) -> Any:
    """Cancel it. What the provider delivered before the cancel reached it is kept and charged."""
    try:
        row = generation_cancel(workspace_id=request.workspace.id, generation_id=generation_id)
    except GenerationNotFound as error:
        raise not_found() from error
    return Status(202, generation_json(row))


@router.post("/generations/{uuid:generation_id}/give-up", auth=api_auth("generations:write"), response=GenerationOut)
def generation_give_up_create(request: ApiRequest, generation_id: UUID) -> Any:
    """Mark a generation whose answer was lost (`unknown`) as failed: not charged."""
    try:
        return generation_json(generation_give_up(workspace_id=request.workspace.id, generation_id=generation_id))
    except GenerationNotFound as error:
        raise not_found() from error
    except GenerationNotUnclear as error:
        detail = _("Only a generation in the state `unknown` can be given up.")
        raise Problem("generation-not-unclear", 409, _("Not unclear"), detail) from error


def generation_json(row: Generation) -> dict[str, Any]:
    """The shape of :class:`GenerationOut`. Touches no other table."""
    same = (
        "id state kind provider model model_version prompt params inputs seed node item attempt cost progress "
        "progress_message permanent usage route fallbacks created_at submitted_at started_at settled_at "
        "cancel_requested_at latency_ms rating tags"
    )
    return {
        **{name: getattr(row, name) for name in same.split()},
        "project": row.project_id,
        "workflow": row.workflow_id,
        "run": row.run_id,
        "price": {"low": row.price_low, "high": row.price_high},
        "text": row.text or None,
        "error": row.error or None,
        "error_code": row.error_code or None,
        "outputs": outputs_with_urls(row),
        "question": _question(row),
        "url": reverse("api-1:generation_detail", args=[row.id]),
    }


def _question(row: Generation) -> dict[str, Any] | None:
    if not row.asks:
        return None
    return {
        "asked_at": row.asked_at,
        "until": row.deadline_at,
        "message": question(row),
        "give_up": reverse("api-1:generation_give_up_create", args=[row.id]),
    }


def _lineage_json(found: Lineage) -> dict[str, Any]:
    things = [{"kind": kind, "id": id_, "distance": step.distance} for step in found.steps for kind, id_ in step.keys]
    more = {str(step.distance): step.more for step in found.steps if step.more}
    return {"things": things, "edges": [(start[1], end[1]) for start, end in found.edges], "more": more}


def _row(request: ApiRequest, generation_id: UUID) -> Generation:
    row = _rows(request).filter(id=generation_id).first()
    if row is None:
        raise not_found()
    return row


def _rows(request: ApiRequest) -> QuerySet[Generation]:
    return with_outputs(Generation.objects.for_workspace(request.workspace.id), request.workspace.id)


def _project_check(request: ApiRequest, project_id: UUID | None) -> None:
    projects = Project.objects.for_workspace(request.workspace.id).filter(id=project_id, trashed_at=None)
    if project_id is not None and not projects.exists():
        raise Problem(
            "invalid-generation",
            422,
            _("Invalid request"),
            _("There is no such project in this workspace."),
            fields=[{"field": "project", "message": _("There is no such project in this workspace.")}],
        )


def _row_key(key: str) -> str:
    """What the row keeps of an ``Idempotency-Key``: of one length, so that no two keys become one."""
    return f"api:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""


def _fallbacks_refuse(body: GenerationIn) -> None:
    if body.fallbacks:
        said = _("A comparison asks each model itself. Leave the fallbacks out.")
        fields = [{"field": "fallbacks", "message": said}]
        raise Problem("invalid-generation", 422, _("Invalid request"), said, fields=fields)


def _reference(given: UUID | list[UUID]) -> Any:
    return [_reference(one) for one in given] if isinstance(given, list) else {"$asset": str(given)}


def _compared(request: ApiRequest, body: GenerationIn, compare: CompareIn, key: str) -> dict[str, Any]:
    _fallbacks_refuse(body)
    with _as_problems():
        rows = comparison_start(
            workspace_id=request.workspace.id,
            project_id=body.project,
            model=body.model,
            params=body.params,
            inputs={name: _reference(given) for name, given in body.inputs.items()},
            compare=compare.dict(exclude_none=True),
            actor_id=request.user.id,
            payer=_payer(request),
            idempotency_key=_row_key(key),
            agreed=body.agreed_credits,
        )
    comparison_id = rows[0].comparison_id
    assert comparison_id is not None
    return comparison_json(comparison_id, rows, request.user.id)


def _payer(request: ApiRequest) -> Payer:
    return Payer(token_id=request.token.id if request.token else None)


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except InvalidGeneration as error:
        raise Problem("invalid-generation", 422, _("Invalid request"), str(error), fields=error.fields) from error
    except (CreditsRefused, PriceRisen) as error:
        raise error.problem() from error


def _started(request: ApiRequest, body: GenerationIn, key: str) -> Generation:
    with _as_problems():
        return generation_start(
            workspace_id=request.workspace.id,
            project_id=body.project,
            model=body.model,
            params=body.params,
            inputs={name: _reference(given) for name, given in body.inputs.items()},
            fallbacks=body.fallbacks,
            actor_id=request.user.id,
            payer=_payer(request),
            idempotency_key=_row_key(key),
            agreed=body.agreed_credits,
        )
