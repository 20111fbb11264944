"""The choice among a step's variants, as its driver makes it: an item of its own, after those of the variants.

Its row says in ``request`` which variant goes on and who said so; its outputs are that variant's. Where a person must
say, it waits like an approval: a row and nothing else. Who chose by then is kept by the result that was chosen
(:class:`~apps.runs.models.Choice`), so the same results need no second choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.jsons import json_bytes
from apps.engine.node_types import NodeFailure
from apps.engine.plan import PlanStep
from apps.engine.policy import OVER_LIMIT
from apps.engine.states import StepState
from apps.engine.vary import WINNER, Choose, first_good, none_good, variant_place, variant_text
from apps.runs.drive import Drive
from apps.runs.fingerprints import content_of
from apps.runs.models import Choice
from apps.runs.records import CANCELLED, error_of
from apps.runs.variants import votes_by_place
from apps.runs.waits import Place, wait_rings

CHOICE = "choice"
# Nobody has chosen after so long: the first good variant goes on.
WAIT = timedelta(days=30)


@dataclass(frozen=True)
class Picked:
    """The variant that goes on, and who said so: ``first``, ``votes``, ``person`` or (for one run) ``run``."""

    place: int
    how: str


def result_digest(outputs: Mapping[str, Any]) -> bytes:
    """What tells a result from others: files by their bytes, words as they are."""
    return hashlib.blake2b(json_bytes(content_of(outputs), ordered=True), digest_size=32).digest()


def left_out(step: PlanStep, item: int, overrides: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether another variant was chosen for this run: then nothing is paid for this one again."""
    wanted = overrides.get(step.node, {}).get(WINNER)
    return wanted is not None and variant_place(step.variants, wanted) != item


def leave_out(now: Drive, step: PlanStep, item: int) -> None:
    """The variant does not run: another one was chosen, and this one's result is not there."""
    error = {"code": "left-out", "message": _("Another variant was chosen, so this one did not run again.")}
    now.records.record(step, item, StepState.SKIPPED, error=error)
    now.execution.settle(step, item, StepState.SKIPPED)


def pick(
    step: PlanStep,
    workflow_id: UUID | None,
    ended: tuple[Sequence[StepState], Sequence[Mapping[str, Any]]],
    overrides: Mapping[str, Mapping[str, Any]],
    votes: Callable[[], Sequence[int]] | None = None,
) -> Picked | None:
    """Which variant goes on; None where a person, or ``votes``, must say. NodeFailure where none can."""
    states, outputs = ended
    wanted = overrides.get(step.node, {}).get(WINNER)
    place = variant_place(step.variants, wanted)
    if wanted is not None:
        return Picked(_sound(step, place, states, outputs), "run")
    first = first_good(states)
    if first is None:
        # Where the run's limit left none, it is the limit that speaks.
        over = any((each.get("error") or {}).get("code") == OVER_LIMIT for each in outputs)
        raise NodeFailure(none_good(len(states), _reason(outputs[0])), code=OVER_LIMIT if over else "no-variant")
    chosen = _chosen_before(step, workflow_id, states, outputs)
    if chosen is not None:
        return Picked(chosen, "person")
    if step.policy.choose is Choose.PERSON or (step.policy.choose is Choose.VOTES and votes is None):
        return None
    if step.policy.choose is Choose.VOTES and votes is not None:
        counts = votes()
        good = [at for at, state in enumerate(states) if state.emitted]
        return Picked(max(good, key=lambda at: (counts[at], -at)), "votes")
    return Picked(first, "first")


def _sound(step: PlanStep, place: int | None, states: Sequence[StepState], outputs: Sequence[Mapping[str, Any]]) -> int:
    if place is None:
        raise NodeFailure(_("There is no such variant any more. Choose another one."), code="no-variant")
    if not states[place].emitted:
        parts = {"variant": variant_text(step.variants[place]), "reason": _reason(outputs[place])}
        message = _("The chosen variant (%(variant)s) did not succeed: %(reason)s Choose another one.") % parts
        raise NodeFailure(message, code="no-variant")
    return place


def _reason(outputs: Mapping[str, Any]) -> str:
    return str((outputs.get("error") or {}).get("message") or _("it did not run."))


def _chosen_before(
    step: PlanStep,
    workflow_id: UUID | None,
    states: Sequence[StepState],
    outputs: Sequence[Mapping[str, Any]],
) -> int | None:
    """Where the result stands that a person chose at this node; None where it is not among these."""
    if workflow_id is None:
        return None
    kept = Choice.objects.filter(workflow_id=workflow_id, node=step.node).values_list("digest", flat=True).first()
    if kept is None:
        return None
    good = (at for at, state in enumerate(states) if state.emitted)
    return next((at for at in good if result_digest(outputs[at]) == bytes(kept)), None)


def follow(now: Drive, step: PlanStep) -> None:
    """Make the choice of a step whose variants have ended, or see whether somebody has."""
    item, execution = len(step.variants), now.execution
    row = now.rows.get((step.position, item))
    if row is not None and row.state.settled:
        outputs = {"error": row.error} if row.state is StepState.FAILED else row.outputs
        execution.settle(step, item, row.state, outputs)
        return
    ended = execution.variants(step)
    if ended is None:
        return
    if now.cancelled or (row is not None and execution.stopped):
        _end(now, step, StepState.CANCELLED, {"code": "cancelled", "message": execution.stopped})
    elif row is not None:
        _look(now, step, row.attempt)
    elif execution.stopped:
        _end(now, step, StepState.SKIPPED, {"code": "skipped", "message": execution.stopped})
    elif not any(state.emitted or state is StepState.FAILED for state in ended[0]):
        _end(now, step, *_unmade(ended[0]))
    else:
        _choose(now, step, ended)


def _unmade(states: Sequence[StepState]) -> tuple[StepState, dict[str, Any]]:
    """How the step ends when none of its variants was made, as in a dry run."""
    if StepState.CANCELLED in states:
        return StepState.CANCELLED, {"code": "cancelled", "message": CANCELLED}
    return StepState.SKIPPED, {"code": "skipped", "message": _("No variant was made, so nothing goes on.")}


def _end(now: Drive, step: PlanStep, state: StepState, error: Mapping[str, Any]) -> None:
    item = len(step.variants)
    now.records.record(step, item, state, error=error)
    now.execution.settle(step, item, state, {"error": error})


def _look(now: Drive, step: PlanStep, attempt: int) -> None:
    """A choice that waits for a person: their answer wakes the run, and comes as a settled row."""
    item = len(step.variants)
    row = now.rows[(step.position, item)]
    assert row.wake_at is not None
    if row.wake_at <= timezone.now() and wait_rings(Place(now.lease.run_id, step.position, item, attempt)):
        now.records.complete(now.execution, step, item, row.outputs or {}, attempt=attempt)
    else:
        now.wake_by(row.wake_at)


def _choose(now: Drive, step: PlanStep, ended: tuple[Sequence[StepState], Sequence[Mapping[str, Any]]]) -> None:
    item = len(step.variants)
    states, outputs = ended
    try:
        picked = pick(step, now.lease.workflow_id, ended, now.execution.overrides, lambda: _votes(now, step))
    except NodeFailure as failure:
        now.records.record(step, item, StepState.FAILED, error=error_of(failure))
        now.execution.settle(step, item, StepState.FAILED, {"error": error_of(failure)})
        return
    if picked is None:
        first = first_good(states)
        assert first is not None
        at = timezone.now() + WAIT
        fields: dict[str, Any] = {
            "outputs": outputs[first],
            "wake_at": at,
            "request": choice_request(step, first, "timeout"),
        }
        now.records.record(step, item, StepState.WAITING, **fields)
        now.wake_by(at)
        return
    reused = all(state is StepState.CACHED for state in states)
    state = StepState.CACHED if reused else StepState.COMPLETED
    request = choice_request(step, picked.place, picked.how)
    reason = "hit" if reused else ""
    now.records.record(step, item, state, outputs=dict(outputs[picked.place]), request=request, cache_reason=reason)
    now.execution.settle(step, item, state, outputs[picked.place])


def choice_request(step: PlanStep, place: int, how: str) -> dict[str, Any]:
    """What the row of a choice says of it."""
    return {
        "kind": CHOICE,
        "variants": len(step.variants),
        "winner": place,
        "variant": dict(step.variants[place]),
        "how": how,
    }


def _votes(now: Drive, step: PlanStep) -> Sequence[int]:
    now.journal.barrier()  # what this pass has found is read back with the rest
    return votes_by_place(now.lease.run_id, step.position, len(step.variants))
