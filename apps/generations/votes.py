"""Votes of members for generations that stand side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.generations.models import Generation, GenerationState, Vote
from apps.generations.services import GenerationNotFound


class NotVotable(ValueError):
    """Only what was made can be voted for."""


@dataclass(frozen=True)
class Votes:
    """How many members voted for a generation, and whether the one who looks is among them."""

    count: int = 0
    mine: bool = False


def vote_set(*, workspace_id: UUID, generation_id: UUID, user_id: UUID, vote: bool) -> Votes:
    """Give or take back one's vote; repeating it changes nothing. Raises GenerationNotFound, NotVotable."""
    with transaction.atomic():
        row = Generation.objects.for_workspace(workspace_id).filter(id=generation_id).only("state").first()
        if row is None:
            raise GenerationNotFound(GenerationNotFound.__doc__)
        if vote and row.state != GenerationState.SUCCEEDED:
            raise NotVotable(_("This variant made nothing, so it cannot be voted for."))
        votes = Vote.objects.for_workspace(workspace_id)
        if vote:
            mine = Vote(workspace_id=workspace_id, generation_id=generation_id, user_id=user_id)
            votes.bulk_create([mine], ignore_conflicts=True)
        else:
            votes.filter(generation_id=generation_id, user_id=user_id).delete()
    return votes_of([generation_id], user_id).get(generation_id, Votes())


def votes_of(generation_ids: Iterable[UUID], user_id: UUID | None = None) -> dict[UUID, Votes]:
    """The votes of those generations that have any, of the workspace in scope."""
    found: dict[UUID, Votes] = {}
    rows = Vote.objects.filter(generation_id__in=list(generation_ids)).values_list("generation_id", "user_id")
    for generation_id, voter in rows:
        before = found.get(generation_id, Votes())
        found[generation_id] = Votes(before.count + 1, before.mine or voter == user_id)
    return found
