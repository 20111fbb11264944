"""What the grid shows of a step's variants, in the words of people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.assets.models import Asset
from apps.engine.plan import PlanStep
from apps.engine.values import ASSET_KEY, is_asset
from apps.engine.vary import Choose
from apps.providers.catalogue import MODELS
from apps.runs.detail import ValueView, value_view
from apps.runs.models import Run, Step, StepState
from apps.runs.reasons import why_text
from apps.runs.timeline import error_text
from apps.runs.variants import VariantView, variants_read

_HOW = {
    "first": gettext_lazy("The first that succeeded goes on."),
    "votes": gettext_lazy("The one with the most votes goes on."),
    "person": gettext_lazy("The chosen one goes on."),
    "run": gettext_lazy("The chosen one goes on."),
    "timeout": gettext_lazy("Nobody chose in time, so the first one goes on."),
}


@dataclass(frozen=True)
class Cell:
    """One variant in the grid. ``parts`` are the differences besides the model, as title and value.

    ``choosable``: it may go on now. ``gone``: its file is in the trash, or not there any more.
    """

    variant: VariantView
    title: str
    parts: tuple[tuple[str, str], ...]
    value: ValueView | None
    error: str
    note: str
    gone: bool
    choosable: bool

    @property
    def live(self) -> bool:
        """Whether it is still being made."""
        return StepState(self.variant.state).value not in _SETTLED

    @property
    def seconds(self) -> float | None:
        """How long the model took."""
        return self.variant.latency_ms / 1000 if self.variant.latency_ms is not None else None

    @property
    def part(self) -> float:
        """How far it is, 0 to 1, as far as the vendor says."""
        made = self.variant.generation
        return round(made.progress or 0, 2) if self.live and made is not None else 0

    @property
    def label(self) -> str:
        """What tells it from the others, for those who cannot see it."""
        return ", ".join([self.title, *(f"{title} {value}" for title, value in self.parts)])

    @property
    def mark(self) -> str:
        """Changes when the cell looks different."""
        one = self.variant
        told = (one.state, one.winner, one.votes, self.part, self.gone, self.error, self.value, self.choosable)
        return hashlib.blake2b(repr(told).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """All variants of a step in one run."""

    step: PlanStep
    cells: tuple[Cell, ...]
    prompt: str
    waits: bool
    said: str
    cost: int
    # Whether something may still change by itself.
    live: bool


_SETTLED = frozenset({"completed", "failed", "skipped", "cancelled", "cached"})


def comparison_read(run: Run, step: PlanStep, user_id: UUID | None) -> Comparison:
    """The variants of a step, ready to be looked at."""
    variants = variants_read(run, step, user_id)
    rows = {row.item: row for row in Step.objects.filter(run_id=run.id, position=step.position)}
    choice = rows.get(len(step.variants))
    gone = _gone(variants)
    waits = choice is not None and choice.state == StepState.WAITING and run.finished_at is None
    open_ = waits or (run.finished_at is not None and run.parent_id is None and run.workflow_id is not None)
    cells = tuple(_cell(step, one, rows.get(one.place), gone, open_=open_) for one in variants)
    prompt = next((one.generation.prompt for one in variants if one.generation and one.generation.prompt), "")
    said, cost = _said(step, choice, waits=waits), sum(one.cost for one in variants)
    return Comparison(step, cells, prompt, waits, said, cost, run.finished_at is None)


def _said(step: PlanStep, choice: Step | None, *, waits: bool) -> str:
    if waits:
        return _("The run waits: choose the one that goes on.")
    if choice is None:
        kinds = {Choose.PERSON: _("When all are there, the run waits until somebody chooses.")}
        return kinds.get(step.policy.choose, "")
    if choice.state == StepState.FAILED:
        return error_text(choice.error or {})
    return str(_HOW.get(str((choice.request or {}).get("how")), ""))


def _gone(variants: list[VariantView]) -> set[str]:
    """The ids of files that are in the trash or gone."""
    ids = {str(one[ASSET_KEY]) for variant in variants for one in _files(variant.outputs)}
    there = Asset.objects.filter(id__in=ids, trashed_at=None, state="ready").values_list("id", flat=True)
    return ids - {str(id_) for id_ in there}


def _files(outputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = [one for value in outputs.values() for one in (value if isinstance(value, list) else [value])]
    return [one for one in values if is_asset(one)]


def _cell(step: PlanStep, variant: VariantView, row: Step | None, gone: set[str], *, open_: bool) -> Cell:
    model = MODELS.get(variant.model)
    titles = model.params["properties"] if model else {}
    parts = tuple(
        (_(str(titles.get(name, {}).get("title", name))), _value(value, titles.get(name, {})))
        for name, value in variant.differs.items()
        if name != "model"
    )
    title = _(model.title) if model else variant.model
    port = next(iter(step.type.outputs))
    value = variant.outputs.get(port.name)
    written = variant.generation.text if value is None and variant.generation else ""
    lost = any(str(one[ASSET_KEY]) in gone for one in _files(variant.outputs))
    shown = value if value is not None else written or None
    return Cell(
        variant,
        title,
        parts,
        value_view(port.name, _(port.title), shown) if shown is not None else None,
        error_text(variant.error),
        why_text(row.cache_reason) if row is not None and row.state == StepState.CACHED else "",
        lost,
        open_ and variant.made and not lost and not variant.winner,
    )


def _value(value: Any, schema: Mapping[str, Any]) -> str:
    """A value as the form calls it."""
    named = dict(zip(map(str, schema.get("enum", ())), schema.get("x-enum-titles", ()), strict=False))
    if str(value) in named:
        return _(str(named[str(value)]))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
