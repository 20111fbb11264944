"""The door for what people say of a step's variants: a vote for one, and which one goes on."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.engine.plan import PlanStep
from apps.engine.vary import WINNER
from apps.generations.votes import NotVotable, Votes, vote_set
from apps.runs.choices import choice_request, result_digest
from apps.runs.models import Choice, Run, Step, StepState
from apps.runs.reuse import assets_live
from apps.runs.services import Part, run_repeat
from apps.runs.tasks import advance_run
from apps.runs.variants import VariantView, variants_read, varied_step
from apps.runs.waits import place_of, wait_settle


class NoSuchVariant(LookupError):
    """The run has no such variant."""


class NotChoosable(ValueError):
    """This variant cannot go on, or not now; the message says why."""


def variant_vote(*, run: Run, node: str, place: int, user_id: UUID, vote: bool) -> Votes:
    """Give or take back one's vote for a variant. Raises NoSuchVariant, NotVotable."""
    _step, variant = _variant(run, node, place)
    if variant.generation is None:
        raise NotVotable(_("This variant made nothing, so it cannot be voted for."))
    return vote_set(workspace_id=run.workspace_id, generation_id=variant.generation.id, user_id=user_id, vote=vote)


def variant_choose(*, run: Run, node: str, place: int, actor_id: UUID | None) -> Run:
    """Let a variant go on: in this run where it waits for a choice, else in a new run that does only what follows.

    Answers the run in which it goes on. Raises NoSuchVariant, NotChoosable, and what
    :func:`~apps.runs.services.run_repeat` raises.
    """
    step, variant = _variant(run, node, place)
    _check(run, variant)
    row = Step.objects.filter(run_id=run.id, position=step.position, item=len(step.variants)).first()
    if row is not None and row.state == StepState.WAITING and run.finished_at is None:
        return _choose_here(run, step, variant, row, actor_id)
    if run.finished_at is None:
        raise NotChoosable(_("This run is still under way. Choose when it is over."))
    if variant.winner:
        return run
    if run.parent_id is not None:
        raise NotChoosable(_("This run is a step of another run. Open its own workflow and choose there."))
    inputs = {**run.overrides, node: {**run.overrides.get(node, {}), WINNER: dict(variant.differs)}}
    with transaction.atomic():
        _keep(run, variant, actor_id)  # locks the choice, so that of two clicks the second finds the first one's run
        begun: Run | None = Run.objects.filter(from_run=run, overrides=inputs, finished_at=None).first()
        return begun or run_repeat(run=run, actor_id=actor_id, part=Part(run.targets, run.id, "", inputs))


def _variant(run: Run, node: str, place: int) -> tuple[PlanStep, VariantView]:
    step = varied_step(run, node)
    if step is None or not 0 <= place < len(step.variants):
        raise NoSuchVariant(NoSuchVariant.__doc__)
    return step, variants_read(run, step)[place]


def _check(run: Run, variant: VariantView) -> None:
    if variant.state in (StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED):
        raise NotChoosable(_("This variant made nothing, so it cannot go on. Choose another one."))
    if not variant.made:
        raise NotChoosable(_("This variant is still being made."))
    if not assets_live(variant.outputs):
        raise NotChoosable(_("The file of this variant is in the trash or gone. Restore it, or choose another one."))


def _choose_here(run: Run, step: PlanStep, variant: VariantView, row: Step, actor_id: UUID | None) -> Run:
    """Answer the choice that this run waits for. The first answer counts."""
    with transaction.atomic():
        if not wait_settle(place_of(row), variant.outputs):
            raise NotChoosable(_("Somebody else has chosen a moment ago, or the run was cancelled."))
        request = choice_request(step, variant.place, "person")
        Step.objects.filter(run_id=run.id, position=row.position, item=row.item).update(request=request)
        _keep(run, variant, actor_id)
        advance_run.delay_on_commit(run_id=str(run.id))
    return run


def _keep(run: Run, variant: VariantView, actor_id: UUID | None) -> None:
    """Remember the result that was chosen: wherever it is among this node's variants again, it goes on."""
    if run.workflow_id is None:
        return
    Choice.objects.update_or_create(
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        node=variant.node,
        defaults={
            "digest": result_digest(variant.outputs),
            "variant": dict(variant.differs),
            "actor_id": actor_id,
            "at": timezone.now(),
        },
    )


__all__ = ["NoSuchVariant", "NotChoosable", "NotVotable", "variant_choose", "variant_vote"]
