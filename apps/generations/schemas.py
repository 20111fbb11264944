"""The shapes of the generations' API."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema

from apps.common.bodies import Body, Id, JsonObject
from apps.common.paging import LIMIT_DEFAULT
from apps.engine.vary import SWEEPS_MAX
from apps.projects.schemas import Moment

AMOUNT_MAX = 2**63 - 1


class CompareIn(Body):
    """What differs: models, seeds (so many, or a list), and up to two parameters with their values."""

    models: list[Annotated[str, Field(min_length=1, max_length=120)]] | None = Field(None, min_length=1)
    seeds: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=0)]] | None = None
    sweep: dict[str, list[Any]] | None = Field(None, min_length=1, max_length=SWEEPS_MAX)


class GenerationIn(Body):
    """``inputs`` are asset ids by the model's input name, such as ``{"image": "…"}``, or lists of them.

    ``fallbacks`` are models to ask in turn when the vendor is busy or cannot be reached. With ``compare`` several
    are made, and the answer is a comparison. ``agreed_credits`` is the highest price that you were shown: it is refused
    where it now costs more.
    """

    model: str = Field(max_length=120)
    params: JsonObject = Field(default_factory=dict)
    inputs: dict[str, Id | list[Id]] = Field(default_factory=dict)
    project: Id | None = None
    fallbacks: list[Annotated[str, Field(max_length=120)]] = Field(default_factory=list, max_length=5)
    compare: CompareIn | None = None
    agreed_credits: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)


class Price(Schema):
    """Micro-credits, fixed when the call was made; the most is what was held."""

    low: int
    high: int


class Hop(Schema):
    """A model that was asked and did not answer. ``code``: `rate_limited` or `unavailable`; ``asked``: who was next."""

    model: str
    code: str
    message: str
    at: Moment
    asked: str | None = None
    dropped: list[str] = Field(default_factory=list)


class Question(Schema):
    """The answer was lost and nobody can say what became of it. Without an answer it is given up at ``until``, free."""

    asked_at: Moment
    until: Moment
    message: str
    give_up: str


class GenerationOut(Schema):
    """One paid call. ``cost`` is 0 unless it succeeded; ``outputs`` are asset references with an expiring ``url``.

    ``text`` is what a model that writes has written, so far while it is under way; ``usage`` what the vendor says it
    took. ``model`` is the one that is asked or has answered, ``route`` those that were asked before it. ``question`` is
    what a person should decide: wait, or POST to its ``give_up``.
    """

    id: UUID
    state: str
    kind: str
    provider: str
    model: str
    model_version: int
    prompt: str
    params: dict[str, Any]
    inputs: dict[str, Any]
    seed: int | None
    project: UUID | None
    workflow: UUID | None
    run: UUID | None
    node: str
    item: int
    attempt: int
    price: Price
    cost: int
    progress: float | None
    progress_message: str
    error: str | None
    error_code: str | None
    permanent: bool
    outputs: list[dict[str, Any]]
    text: str | None
    usage: dict[str, Any]
    route: list[Hop]
    fallbacks: list[str]
    created_at: Moment
    submitted_at: Moment | None
    started_at: Moment | None
    settled_at: Moment | None
    cancel_requested_at: Moment | None
    latency_ms: int | None
    rating: int | None
    tags: list[str]
    question: Question | None
    url: str


class GenerationPage(Schema):
    """A page of the tape; ``next`` is the cursor of the following one."""

    items: list[GenerationOut]
    next: str | None


class GenerationQuery(Schema):
    """Filters, the same as the tape's page has; those that are given must all be true. Text is checked by one form."""

    q: str = Field("", description="words of the prompt; the last one may be unfinished")
    model: str = ""
    kind: str = Field("", description="image, video, audio or text")
    state: str = Field("", description="one state, or `live` for everything unfinished")
    project: str = ""
    run: str = ""
    node: str = ""
    seed: str = Field("", description="a whole number")
    cost_min: str = Field("", description="credits, to a thousandth")
    cost_max: str = Field("", description="credits, to a thousandth")
    rating: str = Field("", description="the fewest stars, 1 to 5; 0 for those without any")
    tags: str = Field("", description="tags between commas; it must have each of them")
    colour: str = Field("", description="`#rrggbb`: what it made has much of about this colour")
    since: str = Field("", description="a day, or a moment with its zone")
    until: str = Field("", description="a day (included), or a moment with its zone (excluded)")
    board: str = Field("", description="only what is on this board")
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None


class GenerationRemarkIn(Body):
    """What people say of it; what is left out stays. ``rating`` null takes the stars away."""

    rating: int | None = None
    tags: list[str] | None = Field(None, max_length=1000)


class LineageThing(Schema):
    """A generation, or an asset that no generation made; ``distance`` is negative for what it was made from."""

    kind: Literal["generation", "asset"]
    id: UUID
    distance: int


class LineageOut(Schema):
    """What it was made from and what was made with it. ``edges`` lead from the used thing to the made one, as ids;
    ``more`` counts what was left out at each distance."""

    things: list[LineageThing]
    edges: list[tuple[UUID, UUID]]
    more: dict[str, int]
