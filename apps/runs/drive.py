"""What one driver carries through a drive: the run's lease and plan, its journal, and what it has learned so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from apps.engine.execution import Execution
from apps.engine.node_types import Lane, Quote
from apps.engine.plan import Plan, PlanStep, step_params, step_quote
from apps.engine.states import RunState, StepState
from apps.generations.keys import own_providers
from apps.runs.adapters import InlineContext
from apps.runs.journal import Journal
from apps.runs.lease import Lease
from apps.runs.records import Records

# So many steps of one run are with lanes and providers at once; the others wait their turn in the plan.
RUN_PARALLEL = 100


@dataclass
class StepRow:
    """A step as the journal has it."""

    state: StepState
    attempt: int
    outputs: Mapping[str, Any] | None
    wake_at: datetime | None
    error: Mapping[str, Any] | None
    key: str | None
    # Whether an answer may come before its time is over.
    asked: bool = False


@dataclass(frozen=True)
class Dispatch:
    """A step to be handed to a lane once its row is committed."""

    run_id: UUID
    position: int
    item: int
    lane: Lane


@dataclass(frozen=True)
class Child:
    """A run that is a step of the run being driven."""

    run_id: UUID
    state: RunState
    graph_id: UUID
    cost: int
    error: Mapping[str, Any] | None
    cancelling: bool


@dataclass(frozen=True)
class Ring:
    """A run that is to be driven: another one that is due, or this one so soon that the sweeper would come late."""

    run_id: UUID
    in_s: float = 0


@dataclass(frozen=True)
class Try:
    """One attempt at one item of a step.

    ``key`` is the fingerprint of the work (hexadecimal), ``reason`` why it is done, ``before`` how many attempts were
    made in the run that this one repeats.
    """

    step: PlanStep
    item: int
    attempt: int
    inputs: Mapping[str, Any]
    params: Mapping[str, Any]
    key: str | None = None
    reason: str = ""
    before: int = 0


@dataclass
class Drive:
    """One driver at work on one run."""

    lease: Lease
    plan: Plan
    journal: Journal
    records: Records
    variables: Mapping[str, Any]
    wakes: int
    cancelled: bool
    dispatched: list[Dispatch | Ring] = field(default_factory=list)
    execution: Execution = field(init=False)
    rows: Mapping[tuple[int, int], StepRow] = field(init=False)
    # Positions of steps an item of which has begun, and in order where an item failed, as the rows say.
    begun: set[int] = field(default_factory=set)
    failures: list[tuple[int, int]] = field(default_factory=list)
    wake_at: datetime | None = None
    busy: bool = False
    in_flight: dict[str, int] = field(default_factory=dict)
    committed: dict[tuple[int, int], int] = field(default_factory=dict)
    # Runs that are steps of this one, by position, item and attempt; None until somebody asks in this pass.
    children: dict[tuple[int, int, int], Child] | None = None

    def renew(self, execution: Execution, rows: Mapping[tuple[int, int], StepRow]) -> None:
        """Begin another pass with the rows as they are now."""
        self.execution, self.rows = execution, rows
        self.wake_at, self.busy = None, False
        self.in_flight, self.committed = {}, {}
        self.children = None
        self.begun = {position for (position, _item), row in rows.items() if row.state is not StepState.PENDING}
        self.failures = sorted(place for place, row in rows.items() if row.state is StepState.FAILED)
        for (position, item), row in rows.items():
            step = self.plan.steps[position]
            if row.state in (StepState.READY, StepState.RUNNING) and step.type.lane is not Lane.INLINE:
                self.take_place(step)
            if row.state is StepState.RUNNING and step.type.quote is not None:
                self.committed[(position, item)] = self.quote(step, item).high

    def due(self, run_id: UUID) -> None:
        """Another run has a reason to look: it is driven when this drive is over."""
        self.dispatched.append(Ring(run_id))

    def wake_by(self, at: datetime) -> None:
        """Look at this run again at that moment at the latest."""
        self.wake_at = min(self.wake_at or at, at)

    def has_place(self, step: PlanStep) -> bool:
        """Whether the run may have one more step of this kind under way."""
        most = step.type.parallel or RUN_PARALLEL
        return sum(self.in_flight.values()) < RUN_PARALLEL and self.in_flight.get(step.type.type, 0) < most

    def take_place(self, step: PlanStep) -> None:
        """One more step is under way."""
        self.in_flight[step.type.type] = self.in_flight.get(step.type.type, 0) + 1

    def quote(self, step: PlanStep, item: int) -> Quote:
        """The price of an item of the step, micro-credits."""
        if step.type.quote is None:
            return Quote()
        return step_quote(step, step_params(step, self.variables, item), own=self.own)

    @cached_property
    def own(self) -> frozenset[str]:
        """The vendors that this run calls with keys of the workspace's own, and those that it was promised to."""
        now = own_providers(workspace_id=self.lease.workspace_id, project_id=self.lease.project_id)
        return now.union(self.lease.own_providers)

    @property
    def spent(self) -> int:
        """What this run has cost, and may cost with what is under way, micro-credits."""
        return self.lease.cost + self.journal.total_cost + sum(self.committed.values())

    def context(self, one: Try, now: datetime) -> InlineContext:
        """What the node may ask of the world."""
        return InlineContext(self.lease, one.step, one.item, one.attempt, now, self.variables, self.journal)
