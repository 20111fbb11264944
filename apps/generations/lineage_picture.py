"""The lineage as people see it: boxes in columns, from what was used on the left to what came of it on the right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.assets.services import preview_url
from apps.generations.fragments import ICONS, Card
from apps.generations.lineage import Key, Lineage, Step

BOX = (104, 78)
GAP = (44, 14)
_PICTURE_SIDE = 512


@dataclass(frozen=True)
class Box:
    """One thing, placed. ``about`` is what a screen reader says of it."""

    x: int
    y: int
    width: int
    height: int
    url: str
    title: str
    about: str
    picture: str
    icon: str
    centre: bool


@dataclass(frozen=True)
class Rest:
    """What a column has no room for."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Picture:
    """Everything that the template draws. ``lines`` are SVG paths."""

    width: int
    height: int
    boxes: list[Box]
    lines: list[str]
    rests: list[Rest]


def lineage_picture(found: Lineage, cards: Mapping[UUID, Card], slug: str) -> Picture | None:
    """The drawing; None when a thing has neither sources nor uses. ``cards`` are those of the generations in it."""
    if found.alone:
        return None
    tallest = max(len(step.keys) + bool(step.more) * 0.5 for step in found.steps)
    height = int(tallest * (BOX[1] + GAP[1])) + GAP[1]
    places: dict[Key, tuple[int, int]] = {}
    rests = []
    for column, step in enumerate(found.steps):
        x = GAP[1] + column * (BOX[0] + GAP[0])
        used = int((len(step.keys) + bool(step.more) * 0.5) * (BOX[1] + GAP[1])) - GAP[1]
        top = (height - used) // 2
        for row, key in enumerate(step.keys):
            places[key] = (x, top + row * (BOX[1] + GAP[1]))
        if step.more:
            rests.append(Rest(x + BOX[0] // 2, top + len(step.keys) * (BOX[1] + GAP[1]) + 12, _rest(step)))
    boxes = [_box(found, cards, slug, key, place) for key, place in places.items()]
    lines = [_line(places[a], places[b]) for a, b in found.edges if a in places and b in places]
    width = 2 * GAP[1] + len(found.steps) * (BOX[0] + GAP[0]) - GAP[0]
    return Picture(width, height, boxes, lines, rests)


def _rest(step: Step) -> str:
    return (_("more than %(n)s more") if step.many else _("%(n)s more")) % {"n": step.more}


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the right side of one box to the left side of the other, as a soft curve."""
    x1, y1 = start[0] + BOX[0], start[1] + BOX[1] // 2
    x2, y2 = end[0], end[1] + BOX[1] // 2
    bend = max(16, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _box(found: Lineage, cards: Mapping[UUID, Card], slug: str, key: Key, place: tuple[int, int]) -> Box:
    kind, id_ = key
    if kind == "generation" and id_ in cards:
        shown = cards[id_]
        title = shown.row.prompt[:80] or shown.title
        url = reverse("generations:generation_detail", args=[slug, id_])
        picture = shown.first.picture if shown.first else ""
        icon, sort = shown.icon, shown.title
    else:
        asset = found.assets.get(id_)
        title = asset.name if asset else _("No longer there")
        url = reverse("assets:asset_detail", args=[slug, id_]) if asset else ""
        picture = (preview_url(asset, _PICTURE_SIDE) or "") if asset else ""
        icon = ICONS.get(asset.kind, "file") if asset else "file"
        sort = str(asset.get_source_display()) if asset else ""
    about = f"{_relation(found, key)}: {title} ({sort})"
    return Box(*place, *BOX, url, title, about, picture, icon, key == found.centre)


def _relation(found: Lineage, key: Key) -> str:
    distance = next(step.distance for step in found.steps if key in step.keys)
    if distance == 0:
        return _("This one")
    return _("Made from") if distance < 0 else _("Used in")
