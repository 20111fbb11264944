"""Comparisons without a graph, and votes, over the API. They are started by ``POST /generations`` with ``compare``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Router, Schema

from apps.common.bodies import Body
from apps.common.problems import Problem, not_found
from apps.generations.comparisons import comparison_read
from apps.generations.fragments import outputs_with_urls, with_outputs
from apps.generations.models import Generation
from apps.generations.services import GenerationNotFound
from apps.generations.votes import NotVotable, Votes, vote_set, votes_of
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["generations"])


class ComparedOut(Schema):
    """One variant. ``differs`` names it; ``votes`` counts the members who voted for it, ``voted`` says if you did."""

    generation: UUID
    differs: dict[str, Any]
    model: str
    state: str
    cost: int
    latency_ms: int | None
    votes: int
    voted: bool
    outputs: list[dict[str, Any]]
    text: str | None
    error: str | None
    url: str


class ComparisonOut(Schema):
    """What was asked of several at once, in the order in which it was asked. At most 64, so not paged."""

    comparison: UUID
    items: list[ComparedOut]
    next: None = None
    url: str


class VoteIn(Body):
    """Whether you vote for it."""

    vote: bool = True


class VoteOut(Schema):
    """How many votes it has now, and whether yours is among them."""

    votes: int
    voted: bool


def comparison_json(comparison_id: UUID, rows: list[Generation], user_id: UUID) -> dict[str, Any]:
    """The shape of :class:`ComparisonOut`. Needs the rows' outputs."""
    votes = votes_of([row.id for row in rows], user_id)
    return {
        "comparison": comparison_id,
        "items": [_compared(row, votes.get(row.id, Votes())) for row in rows],
        "next": None,
        "url": f"/api/v1/comparisons/{comparison_id}",
    }


def _compared(row: Generation, votes: Votes) -> dict[str, Any]:
    return {
        "generation": row.id,
        "differs": row.differs or {},
        "model": row.model,
        "state": row.state,
        "cost": row.cost,
        "latency_ms": row.latency_ms,
        "votes": votes.count,
        "voted": votes.mine,
        "outputs": outputs_with_urls(row),
        "text": row.text or None,
        "error": row.error or None,
        "url": f"/api/v1/generations/{row.id}",
    }


@router.get("/comparisons/{uuid:comparison_id}", auth=api_auth("read"), response=ComparisonOut)
def comparison_detail(request: ApiRequest, comparison_id: UUID) -> dict[str, Any]:
    """The variants of a comparison, as they are now."""
    ids = [row.id for row in comparison_read(comparison_id)]
    if not ids:
        raise not_found()
    rows = with_outputs(Generation.objects.filter(id__in=ids).order_by("item"), request.workspace.id)
    return comparison_json(comparison_id, list(rows), request.user.id)


@router.post("/generations/{uuid:generation_id}/vote", auth=api_auth("generations:write"), response=VoteOut)
def generation_vote(request: ApiRequest, generation_id: UUID, body: VoteIn | None = None) -> dict[str, Any]:
    """Vote for what was made, or take your vote back. Repeating it changes nothing."""
    vote = body.vote if body else True
    ids = {"workspace_id": request.workspace.id, "generation_id": generation_id, "user_id": request.user.id}
    try:
        votes = vote_set(**ids, vote=vote)
    except GenerationNotFound as error:
        raise not_found() from error
    except NotVotable as error:
        raise Problem("not-votable", 409, _("No vote"), str(error)) from error
    return {"votes": votes.count, "voted": votes.mine}
