"""The shapes of datasets over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import Strict, StringConstraints, model_validator

from apps.common.bodies import Body, Id
from apps.datasets.selection import Selection
from apps.projects.schemas import Moment, Name, Text

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00]*$")]
Label = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
# JSON has no days of its own: they come as text.
Day = Annotated[date, Strict(False)]
State = Literal["succeeded", "failed", "cancelled", "expired"]


class SelectionIn(Body):
    """Which generations: what is left out means any; `states` are those that succeeded unless given."""

    models: list[Label] = Field(default_factory=list, max_length=200)
    kinds: list[Literal["image", "video", "audio", "text"]] = Field(default_factory=list)
    states: list[State] = ["succeeded"]
    rating: int | None = Field(None, ge=1, le=5, description="At least so many stars.")
    tags: list[Tag] = Field(default_factory=list, max_length=20, description="All of them must be there.")
    licences: list[Label] = Field(default_factory=list, max_length=200, description='"" is: none named.')
    consent: Literal["any", "own"] = Field("any", description="`own`: given for the generation itself.")
    project: Id | None = None
    since: Day | None = Field(None, description="A day in UTC, included.")
    until: Day | None = Field(None, description="A day in UTC, included.")

    @model_validator(mode="after")
    def days_in_order(self) -> SelectionIn:
        """The days must be in order."""
        if self.since and self.until and self.since > self.until:
            raise ValueError("`until` lies before `since`.")
        return self

    def selection(self) -> Selection:
        """The same for :mod:`apps.datasets.selection`."""
        several: dict[str, Any] = {
            name: tuple(getattr(self, name)) for name in ("models", "kinds", "states", "tags", "licences")
        }
        plain: dict[str, Any] = {
            name: getattr(self, name) for name in ("rating", "consent", "project", "since", "until")
        }
        return Selection(**several, **plain)


class DatasetIn(Body):
    """What a new dataset needs."""

    name: Name
    description: Text = ""


class VersionIn(Body):
    """What a new version holds, and what it is for."""

    filter: SelectionIn = SelectionIn.model_construct()
    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class ExportIn(Body):
    """``partition`` is for Parquet: by day or by model."""

    format: Literal["parquet", "jsonl", "webdataset"]
    partition: Literal["date", "model"] = "date"


class ConsentIn(Body):
    """``null``: as the workspace says."""

    consent: bool | None


class ConsentOut(Schema):
    """What holds for one generation: its own word, and what follows from it and the workspace's."""

    generation: UUID
    consent: bool | None
    given: bool


class Decision(Schema):
    """One line of the history. ``by`` is the person's id."""

    allowed: bool | None
    at: Moment
    by: UUID | None


class WorkspaceConsentOut(Schema):
    """What the workspace says. ``licences`` by model; "" is for all others."""

    allowed: bool
    licences: dict[str, str]
    history: list[Decision]


class PreviewOut(Schema):
    """``left_out``: fits, but nobody agreed to it."""

    rows: int
    left_out: int
    files: int
    models: list[dict[str, Any]]


class DatasetOut(Schema):
    """A dataset; ``versions`` is how many it has."""

    id: UUID
    name: str
    description: str
    versions: int
    created_at: Moment


class DatasetPage(Schema):
    """A page of datasets."""

    items: list[DatasetOut]
    next: str | None


class ChangeOut(Schema):
    """A line of the changelog: ``rows`` were ``frozen``, ``removed`` or ``restored``, and ``why``."""

    at: Moment
    kind: str
    why: str | None
    rows: int


class VersionOut(Schema):
    """``state``: freezing (``done`` of ``rows``), frozen, failed (``error`` says why), cancelled.

    Once frozen ``rows`` never changes; ``removed`` of them are not exported any more.
    """

    dataset: UUID
    number: int
    state: str
    error: str | None
    done: int
    frozen_at: Moment | None
    note: str
    filter: dict[str, Any]
    rows: int
    removed: int
    revision: int
    created_at: Moment
    changelog: list[ChangeOut]


class VersionPage(Schema):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next: str | None


class RowOut(Schema):
    """One row; ``removed`` says why it is not exported, or null."""

    position: int
    generation: UUID
    model: str
    rating: int | None
    tags: list[str]
    licence: str
    removed: str | None


class RowPage(Schema):
    """A page of rows, in their order."""

    items: list[RowOut]
    next: str | None


class FileOut(Schema):
    """A file of an export. ``url`` answers with a link that works for ten minutes."""

    name: str
    size: int
    rows: int
    sha256: str
    url: str


class ExportOut(Schema):
    """``state``: queued, running, ready, failed, or outdated (rows were removed since; its files are gone)."""

    id: UUID
    dataset: UUID
    version: int
    format: str
    partition: str
    state: str
    error: str | None
    rows: int
    done: int
    files: list[FileOut]
    created_at: Moment
    finished_at: Moment | None


class ExportPage(Schema):
    """A page of exports, newest first."""

    items: list[ExportOut]
    next: str | None


class LinkOut(Schema):
    """A link to a file's bytes and when it ends."""

    url: str
    expires_at: Moment
