"""The state of a run in memory: what is ready, what flows where, what is skipped, and when it is over.

Pure: no clock, no database. The driver asks :meth:`Execution.next_ready`, resolves it, and settles items; the same
calls with rows read from the journal bring a run back after a crash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apps.engine.node_types import NodeFailure
from apps.engine.plan import Plan, PlanInput, PlanStep
from apps.engine.policy import ERROR_PORT, OnFailure
from apps.engine.states import RunState, StepState
from apps.engine.types import WHOLE
from apps.engine.values import maps_over, value_fit
from apps.wording import gettext as _

_ABSENT = object()


@dataclass(frozen=True)
class Skip:
    """The step will not run, and why."""

    reason: str


class Work(NamedTuple):
    """The inputs of each item of a step; ``mapped`` when a list maps the node (then outputs are gathered).

    The items of a step with variants are its variants; the choice among them is one more.
    """

    items: tuple[Mapping[str, Any], ...]
    mapped: bool


# What a step has begun with whose inputs do not fit.
ONE = Work(({},), False)


@dataclass
class _Progress:
    mapped: bool
    open: int
    outputs: list[Mapping[str, Any]]
    states: list[StepState]


@dataclass
class Execution:
    """One run of a plan."""

    plan: Plan
    # Inputs a person edited for this run, by node and port: they take the place of what arrives there.
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _needs: list[int] = field(init=False)
    _outputs: list[Mapping[str, Any] | None] = field(init=False)
    _states: list[StepState] = field(init=False)
    _progress: dict[int, _Progress] = field(init=False, default_factory=dict)
    _ready: deque[int] = field(init=False)
    _open: int = field(init=False)
    # The node that failed the run, and its error.
    failed: str | None = field(init=False, default=None)
    error: Mapping[str, Any] = field(init=False, default_factory=dict)
    stopped: str | None = field(init=False, default=None)
    # Whether a step was cancelled.
    _cut: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        steps = self.plan.steps
        self._needs = [step.needs for step in steps]
        self._outputs = [None] * len(steps)
        self._states = [StepState.PENDING] * len(steps)
        self._ready = deque(step.position for step in steps if step.needs == 0)
        self._open = len(steps)

    def next_ready(self) -> PlanStep | None:
        """The next step whose upstream is settled, each once; None when nothing is ready."""
        return self.plan.steps[self._ready.popleft()] if self._ready else None

    def resolve(self, step: PlanStep, *, begun: bool = False) -> Work | Skip:
        """The step's inputs, one mapping per item; Skip when it cannot or, unless it has ``begun``, should not run."""
        if self.stopped and not begun:
            return Skip(self.stopped)
        values: dict[str, Any] = {}
        mapped: dict[str, list[Any]] = {}
        edited = self.overrides.get(step.node)
        for item in (*step.inputs, *_unconnected(step, edited)) if edited else step.inputs:
            value = edited[item.port.name] if edited and item.port.name in edited else self._value(item)
            if value is _ABSENT:
                if item.port.required:
                    return Skip(self._why_absent(item))
                continue
            if maps_over(value, item.port):
                mapped[item.port.name] = [value_fit(one, item.port) for one in value]
            else:
                values[item.port.name] = _fit(value, item)
        if step.inputs and not values and not mapped:
            # Optional or not: a node that hangs on the branch not taken does not run.
            return Skip(self._why_absent(step.inputs[0]))
        return _items(step, values, mapped)

    def _value(self, item: PlanInput) -> Any:
        found = []
        for position, port in item.sources:
            outputs = self._outputs[position]
            if outputs is not None and port in outputs:
                found.append(outputs[port])
        if not found:
            return _ABSENT
        return found if item.port.many else found[0]

    def value_of(self, item: PlanInput) -> Any:
        """What arrives at an input whose sources are settled; None where nothing does."""
        value = self._value(item)
        return None if value is _ABSENT else value

    def _why_absent(self, item: PlanInput) -> str:
        position, port = item.sources[0]
        upstream, state = self.plan.steps[position], self._states[position]
        if state is StepState.FAILED:
            return _("%(step)s failed.", step=upstream.title)
        if state is StepState.SKIPPED:
            return _("%(step)s was skipped.", step=upstream.title)
        if state is StepState.CANCELLED:
            return _("%(step)s was cancelled.", step=upstream.title)
        output = upstream.type.output(port)
        branch = _(output.title) if output and output.title else port
        return _("%(step)s took another branch than %(branch)s.", step=upstream.title, branch=branch)

    def start(self, step: PlanStep, work: Work) -> None:
        """Begin to wait for the items of a step. A step mapped over an empty list is done at once."""
        count = len(work.items)
        if step.variants and work is not ONE:
            count += 1  # the choice
        self._progress[step.position] = _Progress(work.mapped, count, [{}] * count, [StepState.PENDING] * count)
        if count == 0:
            self._settle(step, StepState.COMPLETED)

    def settle(self, step: PlanStep, item: int, state: StepState, outputs: Mapping[str, Any] | None = None) -> None:
        """An item has ended; when it is the last one, the step has, and what it feeds may become ready.

        A failed item gives what its node's policy says instead: ``outputs`` are then ``{"error": …}``. Where it says
        nothing, the first one stops the run, the step's other items too.
        """
        progress = self._progress[step.position]
        # Of variants, the choice among them decides.
        if state is StepState.FAILED and (not step.variants or item == len(progress.states) - 1):
            error = (outputs or {}).get("error") or {}
            if step.policy.handles(error):
                state = StepState.COMPLETED
                outputs = step.policy.default if step.policy.on_failure is OnFailure.DEFAULT else outputs
            else:
                self._fail(step, error)
        progress.states[item] = state
        progress.outputs[item] = outputs or {}
        progress.open -= 1
        if progress.open == 0:
            # Of variants, and of one item, the last one decides.
            self._settle(step, max(progress.states, key=_WORST.index) if progress.mapped else progress.states[-1])

    def variants(self, step: PlanStep) -> tuple[Sequence[StepState], Sequence[Mapping[str, Any]]] | None:
        """How the variants of a step that has begun ended, and what they gave; None before all have."""
        progress = self._progress[step.position]
        return (progress.states[:-1], progress.outputs[:-1]) if progress.open == 1 else None

    def outputs_of(self, step: PlanStep) -> Mapping[str, Any] | None:
        """What an ended step gives to those it feeds; None when it emitted nothing."""
        return self._outputs[step.position]

    def skip(self, step: PlanStep, state: StepState = StepState.SKIPPED) -> None:
        """The step has ended without running."""
        self._progress[step.position] = _Progress(False, 0, [{}], [state])
        self._settle(step, state)

    def abandon(self, step: PlanStep) -> None:
        """Of a step that was started: its outputs will not be known here."""
        self._progress[step.position] = _Progress(False, 0, [{}], [StepState.PENDING])
        self._settle(step, StepState.PENDING)

    def stop(self, reason: str) -> None:
        """Start nothing more; what runs may end."""
        self.stopped = self.stopped or reason

    def stop_at(self, step: PlanStep) -> None:
        """Start nothing more, as this step failed."""
        self.stop(_("%(step)s failed.", step=step.title))

    def _fail(self, step: PlanStep, error: Mapping[str, Any]) -> None:
        if self.failed is None:
            self.failed, self.error = step.node, error
        self.stop_at(step)

    def _settle(self, step: PlanStep, state: StepState) -> None:
        progress = self._progress.pop(step.position)
        self._states[step.position] = state
        self._open -= 1
        if state.emitted:
            self._outputs[step.position] = _gather(step, progress) if progress.mapped else progress.outputs[-1]
        elif state is StepState.CANCELLED:
            self._cut = True
        for position in step.feeds:
            self._needs[position] -= 1
            if self._needs[position] == 0:
                self._ready.append(position)

    @property
    def over(self) -> bool:
        """Whether every step has ended."""
        return self._open == 0

    def outcome(self, *, cancelled: bool) -> RunState:
        """How the run ended, once it is over. Where just one of its steps was cancelled, it was cancelled too."""
        if self.failed:
            return RunState.FAILED
        return RunState.CANCELLED if cancelled or self._cut else RunState.COMPLETED


# When items of one step end differently, the step has the worst of their states.
_WORST = [
    StepState.PENDING,
    StepState.CACHED,
    StepState.COMPLETED,
    StepState.SKIPPED,
    StepState.CANCELLED,
    StepState.FAILED,
]


def _items(step: PlanStep, values: Mapping[str, Any], mapped: Mapping[str, list[Any]]) -> Work:
    """The inputs of each item: one, or one for each place in the lists of ``mapped``."""
    if step.policy.pin is not None:
        # What it gives is known as a whole, whatever arrives.
        return Work(({**values, **mapped},), False)
    if not mapped:
        return Work((values,) * len(step.variants), False) if step.variants else Work((values,), False)
    if step.variants:
        raise NodeFailure(_("A list cannot be compared: connect one value."), code="list-of-variants")
    lengths = {len(value) for value in mapped.values()}
    if len(lengths) > 1:
        raise NodeFailure(_("The lists at its inputs have different lengths."), code="unequal-lists")
    rows = ({**values, **{name: column[i] for name, column in mapped.items()}} for i in range(lengths.pop()))
    return Work(tuple(rows), True)


def _unconnected(step: PlanStep, edited: Mapping[str, Any]) -> list[PlanInput]:
    connected = {item.port.name for item in step.inputs}
    ports = (*step.type.inputs, *step.type.given)
    return [PlanInput(port, ()) for port in ports if port.name in edited and port.name not in connected]


def _fit(value: Any, item: PlanInput) -> Any:
    if item.port.many:
        # An edited input may be one value where several may come.
        several = value if isinstance(value, list) else [value]
        if item.port.type not in WHOLE:
            # What a mapped step or a list emits goes in one by one: images, not a list of images among them. An item
            # that was skipped left a gap there.
            lists = (each if isinstance(each, list) else [each] for each in several)
            several = [one for each in lists for one in each if one is not None]
        return [value_fit(one, item.port) for one in several]
    return value_fit(value, item.port)


def _gather(step: PlanStep, progress: _Progress) -> Mapping[str, Any]:
    """Lists in the order of the items. Where failures take a branch, they are gathered there and not among the rest."""
    if step.policy.on_failure is not OnFailure.BRANCH:
        return {port.name: [outputs.get(port.name) for outputs in progress.outputs] for port in step.type.outputs}
    gathered = {
        port.name: [outputs[port.name] for outputs in progress.outputs if port.name in outputs]
        for port in step.type.outputs
    }
    return gathered if gathered[ERROR_PORT] else {name: found for name, found in gathered.items() if name != ERROR_PORT}
