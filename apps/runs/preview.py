"""What a run would do, before it does it: what runs, what is reused, what it costs, what is written outside.

The plan is walked as a driver would walk it, with reuse but without work: only steps that take no time (texts, numbers,
templates, conditions) are really computed. What depends on a step that would run is not known, and is said to run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.engine.execution import Execution, Skip, Work
from apps.engine.lists import OPEN, Lists
from apps.engine.node_types import Effect, NodeFailure, Quote
from apps.engine.plain import outputs_plain, plain
from apps.engine.plan import Plan, PlanStep, step_params, step_quote
from apps.engine.states import StepState
from apps.engine.values import inputs_check
from apps.runs.adapters import PreviewContext
from apps.runs.choices import left_out, pick
from apps.runs.lease import PAST_SQL, past_read
from apps.runs.reasons import is_reuse, reason_text
from apps.runs.reuse import Found, Past, Reuse, Try

# Of a variant that does not run, as another one was chosen.
_LEFT_OUT: Mapping[str, Any] = {}


class Action(StrEnum):
    """What would happen to a node. ``maybe``: what runs before it decides."""

    RUN = "run"
    REUSE = "reuse"
    SKIP = "skip"
    MAYBE = "maybe"


@dataclass(frozen=True)
class StepPreview:
    """One node of the preview. Prices in micro-credits; ``would`` is what it would do outside, in words.

    ``per_item``: the price is that of one item, and how many there are shows in the run. ``own_keys``: vendors among
    those it asks that bill the workspace itself, so that their part is 0.
    """

    node: str
    low: int
    high: int
    cached: bool
    effect: str
    action: Action
    reason: str
    would: str | None = None
    per_item: bool = False
    own_keys: tuple[str, ...] = ()


@dataclass
class _Walk:
    plan: Plan
    variables: Mapping[str, Any]
    reuse: Reuse
    context: PreviewContext
    execution: Execution
    quotes: Mapping[int, Quote]
    lists: Lists
    workflow_id: UUID | None
    own: Collection[str]
    unknown: set[int] = field(default_factory=set)
    found: list[StepPreview] = field(default_factory=list)


def past_of(
    *, workspace_id: UUID, workflow_id: UUID | None, from_run_id: UUID | None = None, from_node: str = ""
) -> Past:
    """What a run of this workflow that started now could reuse."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {PAST_SQL}
            FROM (SELECT %s::uuid AS workspace_id, %s::uuid AS workflow_id, clock_timestamp() AS created_at) AS run
            """,  # noqa: S608 (a constant of ours)
            [workspace_id, workflow_id],
        )
        previous_id, cleared = past_read(cursor.fetchone())
    return Past(workspace_id, timezone.now(), from_run_id, from_node, previous_id, cleared)


def preview(
    *,
    plan: Plan,
    past: Past,
    variables: Mapping[str, Any],
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    workflow_id: UUID | None = None,
    own: Collection[str] = (),
) -> list[StepPreview]:
    """Each node of the plan in running order, with what would happen to it.

    ``own``: the vendors that are called with a key of the workspace's own.
    """
    variables = plain({**plan.variables, **variables})
    walk = _Walk(
        plan,
        variables,
        Reuse(past, variables),
        PreviewContext(past.workspace_id, variables),
        Execution(plan, plain(overrides or {})),
        {step.position: quote for step, quote in plan.quote(variables, own)},
        Lists(plan),
        workflow_id,
        own,
    )
    while (step := walk.execution.next_ready()) is not None:
        walk.found.append(_look(walk, step))
    return walk.found


def _look(walk: _Walk, step: PlanStep) -> StepPreview:
    walk.lists.look(step, walk.unknown, walk.execution)
    if _waits_for_unknown(walk, step):
        if step.policy.pin is None:
            return _unknown(walk, step, reason=_("Depends on a step that will run"))
        return _items(walk, step, Work(({},), False))
    try:
        work = walk.execution.resolve(step)
    except NodeFailure as failure:
        return _unknown(walk, step, reason=str(failure))
    if isinstance(work, Skip):
        walk.execution.skip(step)
        return StepPreview(step.node, 0, 0, False, step.type.effect.value, Action.SKIP, work.reason)
    return _items(walk, step, work)


def _waits_for_unknown(walk: _Walk, step: PlanStep) -> bool:
    """Whether an input, not edited, comes from a step that would run."""
    edited = walk.execution.overrides.get(step.node, {})
    return any(
        position in walk.unknown
        for item in step.inputs
        if item.port.name not in edited
        for position, _port in item.sources
    )


def _items(walk: _Walk, step: PlanStep, work: Work) -> StepPreview:
    """A step whose inputs are known: item by item."""
    walk.execution.start(step, work)
    if step.policy.pin is not None:
        for item in range(len(work.items)):
            walk.execution.settle(step, item, StepState.CACHED, step.policy.pin)
        return _reused(step, "pinned")
    reasons: list[str] = []
    would, price = None, Quote()
    known: list[Mapping[str, Any] | None] = []
    try:
        looked = _looked(walk, step, work)
    except NodeFailure as failure:
        return _unknown(walk, step, reason=str(failure))
    for (item, inputs, params), result, outputs in looked:
        if outputs is None and step.variants and left_out(step, item, walk.execution.overrides):
            known.append(_LEFT_OUT)
            continue
        reasons.append(result.reason)
        if result.outputs is None:
            would = would or (step.type.would(inputs, params) if step.type.would else None)
            quote = step_quote(step, params, inputs, walk.own)
            price = Quote(price.low + quote.low, price.high + quote.high, tuple(sorted({*price.own, *quote.own})))
        known.append(outputs)
    if all(outputs is not None for outputs in known) and _settled(walk, step, known):
        if reasons and all(is_reuse(reason) for reason in reasons):
            return _reused(step, reasons[0])
    else:
        walk.unknown.add(step.position)
        walk.execution.abandon(step)
    first = next((reason for reason in reasons if not is_reuse(reason)), "")
    if step.variants and reasons and not first:
        return StepPreview(step.node, 0, 0, False, step.type.effect.value, Action.RUN, _("Waits for a choice"))
    effect = step.type.effect.value
    per_item = step.type.per_item and price.high > 0
    told = (reason_text(first), would, per_item, price.own)
    return StepPreview(step.node, price.low, price.high, False, effect, Action.RUN, *told)


def _looked(walk: _Walk, step: PlanStep, work: Work) -> list[tuple[Try, Found, Mapping[str, Any] | None]]:
    """Each item with its parameters, what there is to reuse for it, and its outputs as far as they are known."""
    tries: list[Try] = []
    for item, inputs in enumerate(work.items):
        inputs_check(inputs, step.type.inputs)
        tries.append((item, inputs, step_params(step, walk.variables, item)))
    if len(tries) > 1:
        walk.reuse.look_ahead(step, tries)
    looked = []
    for one in tries:
        found = walk.reuse.find(step, *one)
        outputs = found.outputs if found.outputs is not None else _instant(walk, step, *one[1:])
        looked.append((one, found, outputs))
    return looked


def _settled(walk: _Walk, step: PlanStep, known: list[Mapping[str, Any] | None]) -> bool:
    """Give on what a step's items give; False where somebody has yet to choose among them."""
    for item, outputs in enumerate(known):
        walk.execution.settle(step, item, StepState.SKIPPED if outputs is _LEFT_OUT else StepState.CACHED, outputs)
    ended = walk.execution.variants(step) if step.variants else None
    if ended is None:
        return True
    try:
        picked = pick(step, walk.workflow_id, ended, walk.execution.overrides)
    except NodeFailure:
        return False
    if picked is None:
        return False
    walk.execution.settle(step, len(known), StepState.CACHED, ended[1][picked.place])
    return True


def _reused(step: PlanStep, code: str) -> StepPreview:
    return StepPreview(step.node, 0, 0, True, step.type.effect.value, Action.REUSE, reason_text(code))


def _unknown(walk: _Walk, step: PlanStep, *, reason: str) -> StepPreview:
    """A step that hangs on others that would run: it runs too, unless they decide otherwise."""
    quote, items = walk.quotes[step.position], walk.lists.items[step.position]
    per_item = quote.high > 0 and (items == OPEN or step.type.per_item)
    count = 1 if items is None or items == OPEN else items
    walk.execution.skip(step, StepState.PENDING)
    walk.unknown.add(step.position)
    would = _would_of(step, walk.variables)
    action = Action.MAYBE if _behind_branch(walk, step) else Action.RUN
    price = Quote(quote.low * count, quote.high * count, quote.own)
    effect = step.type.effect.value
    return StepPreview(step.node, price.low, price.high, False, effect, action, reason, would, per_item, quote.own)


def _behind_branch(walk: _Walk, step: PlanStep) -> bool:
    """Whether an unknown step before it may leave this one out."""
    steps = walk.plan.steps
    return any(
        position in walk.unknown and len(steps[position].type.outputs) > 1
        for item in step.inputs
        for position, _port in item.sources
    )


def _would_of(step: PlanStep, variables: Mapping[str, Any]) -> str | None:
    if step.type.would is None:
        return None
    try:
        return step.type.would({}, step_params(step, variables))
    except NodeFailure:
        return None


def _instant(
    walk: _Walk, step: PlanStep, inputs: Mapping[str, Any], params: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The outputs of a step that takes no time; None for any other."""
    if not step.type.instant or step.type.effect is not Effect.PURE:
        return None
    return outputs_plain(step.type.outputs_in(step.type.run(walk.context, inputs, params)), inputs)
