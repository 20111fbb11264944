"""What the tape shows of a generation: previews, words and numbers, from rows that were fetched in bulk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from apps.assets.models import Asset
from apps.assets.services import asset_ref, asset_url, preview_url
from apps.generations.adapters import asset_ids
from apps.generations.models import Generation, GenerationOutput, GenerationState
from apps.generations.settings_graph import settings_graph
from apps.generations.vendors import vendor_title
from apps.generations.wording import sentence
from apps.providers.catalogue import MODELS

PREVIEW_SIDE = 512
ICONS = {"image": "image", "video": "clapperboard", "audio": "audio-lines", "text": "text"}
# Shown as fields of their own, or of no use to a reader.
_PLAIN = ("prompt", "seed", "model")


@dataclass(frozen=True)
class Preview:
    """One output: its asset's id, kind and name, the picture to show (may be empty), and the file itself."""

    asset_id: str
    kind: str
    name: str
    picture: str
    url: str
    width: int
    height: int


@dataclass(frozen=True)
class Card:
    """A generation as the tape shows it. ``ratio`` is width / height of what it made or will make."""

    row: Generation
    title: str
    state: str
    previews: tuple[Preview, ...]
    ratio: float
    error: str
    icon: str

    @property
    def first(self) -> Preview | None:
        """What stands for it in the grid."""
        return self.previews[0] if self.previews else None

    @property
    def part(self) -> str:
        """Progress from 0 to 1 as CSS reads it."""
        return f"{min(1.0, max(0.0, self.row.progress or 0.0)):.3f}"

    @property
    def percent(self) -> int | None:
        """Progress in percent, where the provider tells it."""
        return None if self.row.progress is None else round(float(self.part) * 100)

    @property
    def seconds(self) -> float | None:
        """Latency in seconds."""
        return None if self.row.latency_ms is None else self.row.latency_ms / 1000


def with_outputs(rows: QuerySet[Generation], workspace_id: UUID) -> QuerySet[Generation]:
    """Fetch outputs, assets and blobs of all rows in one further query."""
    outputs = GenerationOutput.objects.for_workspace(workspace_id).select_related("asset__blob").order_by("position")
    return rows.prefetch_related(Prefetch("output_rows", queryset=outputs))


def cards(rows: Iterable[Generation], *, full: bool = False) -> list[Card]:
    """The cards of rows from :func:`with_outputs`. ``full`` adds the files' own addresses."""
    return [card(row, full=full) for row in rows]


def card(row: Generation, *, full: bool = False) -> Card:
    """One card."""
    previews = tuple(_preview(output.asset, full) for output in row.output_rows.all() if not output.asset.trashed_at)
    model = MODELS.get(row.model)
    return Card(
        row=row,
        title=_(model.title) if model else row.model,
        state=state_text(row),
        previews=previews,
        ratio=_ratio(row, previews),
        error=sentence(
            row.error_code,
            provider=vendor_title(row.provider),
            detail=row.error_detail,
            own_key=row.key_id is not None,
        )
        if row.error_code
        else "",
        icon=ICONS.get(row.kind, "file"),
    )


def state_text(row: Generation) -> str:
    """The state in words; a cancel on its way has its own."""
    if row.is_live and row.cancel_requested_at:
        return _("Cancelling")
    return str(GenerationState(row.state).label)


def settings_shown(row: Generation) -> list[tuple[str, Any]]:
    """The parameters beside prompt and seed, with the titles that the model's schema gives them."""
    model = MODELS.get(row.model)
    schema = model.params.get("properties", {}) if model else {}
    shown = [(name, schema.get(name, {}), value) for name, value in row.params.items() if name not in _PLAIN]
    return [(_title(name, about), _choice(about, value)) for name, about, value in shown]


def _title(name: str, about: Mapping[str, Any]) -> str:
    title = about.get("title")
    return _(title) if title else name


def _choice(about: Mapping[str, Any], value: Any) -> Any:
    """A value as its form called it."""
    titles = dict(zip(map(str, about.get("enum", ())), about.get("x-enum-titles", ()), strict=False))
    return _(titles[str(value)]) if str(value) in titles else value


def inputs_shown(row: Generation) -> list[tuple[str, str]]:
    """The input files as (title, asset id)."""
    model = MODELS.get(row.model)
    about = model.inputs if model else {}
    return [
        (_title(name, about.get(name, {})), str(found))
        for name, value in row.inputs.items()
        for found in asset_ids({name: value})
    ]


def node_json(row: Generation) -> str:
    """The settings as a graph, to be pasted on a canvas; empty for kinds that no node makes."""
    graph = settings_graph(row)
    return "" if graph is None else json.dumps(graph, ensure_ascii=False)


def outputs_with_urls(row: Generation) -> list[dict[str, Any]]:
    """Asset references with an expiring ``url``, for rows from :func:`with_outputs`."""
    return [{**asset_ref(output.asset), "url": asset_url(output.asset)} for output in row.output_rows.all()]


def _preview(asset: Asset, full: bool) -> Preview:
    measured = asset.measured
    return Preview(
        asset_id=str(asset.id),
        kind=asset.kind,
        name=asset.name,
        picture=preview_url(asset, PREVIEW_SIDE) or (asset_url(asset) if asset.kind == "image" else ""),
        url=asset_url(asset) if full else "",
        width=measured.get("width") or 0,
        height=measured.get("height") or 0,
    )


def _ratio(row: Generation, previews: tuple[Preview, ...]) -> float:
    """Known before there is anything to see, so that nothing moves when it arrives."""
    sizes = [(one.width, one.height) for one in previews] or [(row.params.get("width"), row.params.get("height"))]
    width, height = sizes[0]
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return 1.5
    return round(min(3.0, max(0.5, width / height)), 3)
