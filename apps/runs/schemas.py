"""The shapes of runs over HTTP. Money in micro-credits, times in RFC 3339 UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from apps.common.bodies import Body, Id, JsonObject

AMOUNT_MAX = 2**63 - 1


class DocumentIn(Body):
    """A graph to look at instead of the workflow's own, with variables and targets."""

    graph: dict[str, Any] | None = None
    variables: JsonObject = Field(default_factory=dict)
    targets: list[str] | None = None


class PartIn(DocumentIn):
    """A graph, and which part of it: from an earlier run, from a node, with inputs edited by node and port."""

    from_run: Id | None = None
    from_node: str | None = None
    inputs: dict[str, JsonObject] = Field(default_factory=dict)


class RunIn(PartIn):
    """What to run. ``agreed_credits`` is the price that you were shown: it is refused where it now costs more."""

    version: int | None = None
    max_credits: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)
    agreed_credits: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)
    dry_run: bool = False


class Problem(Schema):
    """One finding in a graph."""

    node: str | None
    port: str | None
    code: str
    message: str


class Validation(Schema):
    """Whether the graph can run; its running order; the schema of its variables and ports."""

    ok: bool
    errors: list[Problem]
    order: list[str]
    schema_: dict[str, Any] = Field(alias="schema")


class StepPreview(Schema):
    """What would happen to a node, and its price. ``action`` is ``run, reuse, skip`` or ``maybe``.

    ``per_item``: the price is that of one item, and how many there are shows in the run. ``own_keys``: the vendors
    among those it asks that bill the workspace itself, by its own key; their part of the price is 0.
    """

    node: str
    low: int
    high: int
    cached: bool
    effect: str
    action: str
    reason: str
    would: str | None
    per_item: bool
    own_keys: list[str]


class Estimate(Schema):
    """The price of a run before it starts; ``per_item``: it is from so much on, more with longer lists.

    ``own_keys``: the vendors that bill the workspace itself, by its own keys.
    """

    low: int
    high: int
    per_item: bool
    own_keys: list[str]
    steps: list[StepPreview]


class RunStarted(Schema):
    """A run was accepted."""

    id: UUID
    state: str
    url: str
    events: str


class RunOut(Schema):
    """A run. ``waits_for``: why it has not begun, where its workspace has no free place; of a single run only."""

    id: UUID
    workflow: UUID | None
    version: int | None
    dry_run: bool
    from_run: UUID | None
    from_node: str | None
    parent: UUID | None
    max_credits: int | None
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cost: int
    held: int
    error: dict[str, Any] | None
    last_seq: int
    waits_for: str | None = None
    url: str
    events: str


class RunPage(Schema):
    """A page of runs, newest first."""

    items: list[RunOut]
    next: str | None


class AttemptOut(Schema):
    """A try that failed and was followed by another."""

    attempt: int
    error: dict[str, Any]
    cost: int
    started_at: datetime | None
    finished_at: datetime


class StepOut(Schema):
    """One step, or one item of it."""

    node: str
    item: int
    type: str
    state: str
    attempt: int
    cached: bool
    cache_reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: list[AttemptOut]
    again_at: datetime | None
    request: dict[str, Any] | None
    inputs: Any
    outputs: Any
    cost: int
    error: dict[str, Any] | None
    run: UUID | None
    logs_url: str


class StepPage(Schema):
    """A page of steps in running order."""

    items: list[StepOut]
    next: str | None
