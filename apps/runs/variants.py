"""The variants of a step as people compare them: what differs, what came of it, what it cost, who votes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.engine.plan import PlanStep
from apps.engine.vary import Variant
from apps.generations.models import Generation
from apps.generations.votes import Votes, votes_of
from apps.runs.models import STEP_EMITTED, Run, Step, StepState
from apps.runs.plans import run_plan


@dataclass(frozen=True)
class VariantView:
    """One variant of a step in one run. ``differs`` names it; costs in micro-credits, as when it was made."""

    node: str
    place: int
    differs: Variant
    model: str
    state: str
    outputs: Mapping[str, Any]
    error: Mapping[str, Any]
    generation: Generation | None
    votes: Votes
    winner: bool
    started_at: datetime | None

    @property
    def made(self) -> bool:
        """Whether there is something to look at, and to choose."""
        return self.state in STEP_EMITTED

    @property
    def cost(self) -> int:
        """What it cost when it was made."""
        return self.generation.cost if self.generation else 0

    @property
    def latency_ms(self) -> int | None:
        """How long the model took when it was made."""
        return self.generation.latency_ms if self.generation else None


def varied_steps(run: Run) -> list[PlanStep]:
    """The steps of a run that have variants."""
    return [step for step in run_plan(run).steps if step.variants]


def varied_step(run: Run, node: str) -> PlanStep | None:
    """The step of this node, where it has variants."""
    return next((step for step in varied_steps(run) if step.node == node), None)


def variants_read(run: Run, step: PlanStep, user_id: UUID | None = None) -> list[VariantView]:
    """All variants of a step, those still to begin included."""
    rows = {row.item: row for row in Step.objects.filter(run_id=run.id, position=step.position)}
    made = generations_by_place(run.id, step.position)
    votes = votes_of([generation.id for generation in made.values()], user_id)
    choice = rows.get(len(step.variants))
    winner = (choice.request or {}).get("winner") if choice is not None and choice.state in STEP_EMITTED else None
    views = []
    for place, differs in enumerate(step.variants):
        row, generation = rows.get(place), made.get(place)
        views.append(
            VariantView(
                node=step.node,
                place=place,
                differs=differs,
                model=generation.model if generation else str(differs.get("model") or step.params.get("model") or ""),
                state=row.state if row else StepState.PENDING,
                outputs=(row.outputs if row and row.state in STEP_EMITTED else None) or {},
                error=(row.error if row else None) or {},
                generation=generation,
                votes=votes.get(generation.id, Votes()) if generation else Votes(),
                winner=place == winner,
                started_at=row.started_at if row else None,
            )
        )
    return views


def generations_by_place(run_id: UUID, position: int) -> dict[int, Generation]:
    """The paid call behind each item of a step: its own, or that of the step whose result it reuses."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT step.item, COALESCE((
                SELECT call.id FROM generations_generation AS call
                WHERE call.workspace_id = step.workspace_id AND call.run_id = step.run_id AND call.node = step.node
                    AND call.item = step.item
                ORDER BY call.attempt DESC LIMIT 1
            ), (
                SELECT call.id FROM runs_cacheentry AS entry
                JOIN runs_step AS made ON made.run_id = entry.run_id AND made.position = entry.position
                    AND made.item = entry.item AND made.outputs = step.outputs
                JOIN generations_generation AS call ON call.workspace_id = step.workspace_id
                    AND call.run_id = made.run_id AND call.node = made.node AND call.item = made.item
                WHERE step.state = 'cached' AND entry.workspace_id = step.workspace_id AND entry.key = step.cache_key
                ORDER BY call.attempt DESC LIMIT 1
            ), (
                SELECT made.generation_id FROM generations_generationoutput AS made
                WHERE step.state = 'cached' AND made.workspace_id = step.workspace_id
                    AND made.asset_id = (jsonb_path_query_first(step.outputs, '$.**."$asset"') #>> '{}')::uuid
                LIMIT 1
            ))
            FROM runs_step AS step WHERE step.run_id = %s AND step.position = %s
            """,
            [run_id, position],
        )
        places = dict(cursor.fetchall())
    rows = Generation.objects.in_bulk([id_ for id_ in places.values() if id_])
    return {item: rows[id_] for item, id_ in places.items() if id_ in rows}


def votes_by_place(run_id: UUID, position: int, count: int) -> Sequence[int]:
    """How many votes each of a step's first ``count`` items has."""
    made = generations_by_place(run_id, position)
    votes = votes_of([generation.id for generation in made.values()])
    return [votes[made[item].id].count if item in made and made[item].id in votes else 0 for item in range(count)]
