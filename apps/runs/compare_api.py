"""Variants of a run's steps over HTTP: what came of each, votes, and which one goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema

from apps.common.bodies import Body, NoBody
from apps.common.problems import Problem, not_found
from apps.runs import comparing, schemas
from apps.runs.api import run_links
from apps.runs.models import Run
from apps.runs.refusals import as_problems
from apps.runs.variants import VariantView, variants_read, varied_steps
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth
from apps.workspaces.idempotency import idempotent

router = Router(tags=["runs"])


class VariantOut(Schema):
    """One variant of a step. ``differs`` names it; ``cost`` (micro-credits) and ``latency_ms`` are as it was made.

    ``votes`` counts the members who voted for it, ``voted`` says whether you did; ``winner`` goes on.
    """

    node: str
    variant: int
    differs: dict[str, Any]
    model: str
    state: str
    winner: bool
    cost: int
    latency_ms: int | None
    votes: int
    voted: bool
    outputs: dict[str, Any] | None
    error: dict[str, Any] | None
    generation: UUID | None


class VariantList(Schema):
    """All variants of a run's steps, in the order of the steps. There are at most 64 for a step, so not paged."""

    items: list[VariantOut]
    next: None = None


class VoteIn(Body):
    """Whether you vote for it."""

    vote: bool = True


class VoteOut(Schema):
    """How many votes it has now, and whether yours is among them."""

    votes: int
    voted: bool


def variant_json(variant: VariantView) -> dict[str, Any]:
    """The shape of :class:`VariantOut`."""
    return {
        "node": variant.node,
        "variant": variant.place,
        "differs": dict(variant.differs),
        "model": variant.model,
        "state": variant.state,
        "winner": variant.winner,
        "cost": variant.cost,
        "latency_ms": variant.latency_ms,
        "votes": variant.votes.count,
        "voted": variant.votes.mine,
        "outputs": dict(variant.outputs) if variant.made else None,
        "error": dict(variant.error) or None,
        "generation": variant.generation.id if variant.generation else None,
    }


def _run(run_id: UUID) -> Run:
    run: Run | None = Run.objects.select_related("graph").filter(id=run_id).first()
    if run is None:
        raise not_found()
    return run


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        with as_problems():
            yield
    except comparing.NoSuchVariant as error:
        raise not_found() from error
    except comparing.NotVotable as error:
        raise Problem("not-votable", 409, _("No vote"), str(error)) from error
    except comparing.NotChoosable as error:
        raise Problem("not-choosable", 409, _("Cannot go on"), str(error)) from error


@router.get("/runs/{run_id}/variants", auth=api_auth("read"), response=VariantList)
def variant_list(request: ApiRequest, run_id: UUID, node: str = "") -> dict[str, Any]:
    """The variants of a run's steps that have some; those of one ``node`` only, where it is given."""
    run = _run(run_id)
    steps = [step for step in varied_steps(run) if node in ("", step.node)]
    found = [variant for step in steps for variant in variants_read(run, step, request.user.id)]
    return {"items": [variant_json(variant) for variant in found]}


@router.post("/runs/{run_id}/variants/{node}/{variant}/vote", auth=api_auth("generations:write"), response=VoteOut)
def variant_vote(request: ApiRequest, run_id: UUID, node: str, variant: int, body: VoteIn | None = None) -> Any:
    """Vote for a variant, or take your vote back. Repeating it changes nothing."""
    vote = body.vote if body else True
    with _as_problems():
        votes = comparing.variant_vote(run=_run(run_id), node=node, place=variant, user_id=request.user.id, vote=vote)
    return {"votes": votes.count, "voted": votes.mine}


@router.post(
    "/runs/{run_id}/variants/{node}/{variant}/choose",
    auth=api_auth("runs:write", more="starts"),
    response={202: schemas.RunStarted},
)
def variant_choose(
    request: ApiRequest, run_id: UUID, node: str, variant: int, body: NoBody | None = None
) -> HttpResponse:
    """Let a variant go on. Answers the run in which it does: this one where it waits, else a new one."""
    with idempotent(request, None) as answer:
        if answer.known:
            return answer.response()
        with _as_problems():
            run = comparing.variant_choose(run=_run(run_id), node=node, place=variant, actor_id=request.user.id)
        return answer.keep(202, {"id": run.id, "state": run.state, **run_links(request.workspace.slug, run)})
