"""Usage as stacked bars, drawn on the server: a bar per day, a colour per subject. The table has the figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from apps.billing.usage import OTHERS, SERIES, Usage

WIDTH, HEIGHT = 1000, 200
# Hues of the tokens, told apart in both themes; what is left over has none.
HUES = ["--port-table", "--port-asset", "--port-image", "--port-number", "--port-video", "--port-audio"]
REST = "--port-json"


@dataclass(frozen=True)
class Part:
    """One colour of one bar, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    hue: str


@dataclass(frozen=True)
class Bar:
    """One day: its parts from the bottom up, and the place over which its figures are shown."""

    day: date
    amount: int
    x: float
    width: float
    parts: list[Part]


@dataclass(frozen=True)
class Chart:
    """``legend`` names the hues; ``top`` is what the full height stands for, micro-credits."""

    bars: list[Bar]
    legend: list[tuple[str, str]]
    top: int


def usage_chart(usage: Usage) -> Chart:
    """The bars of a usage; every day of the range has its place."""
    keys = [""] if usage.by == "day" else [row.key for row in usage.rows[:SERIES]]
    hues = dict(zip(keys, HUES, strict=False)) | {OTHERS: REST}
    names = {row.key: row.name for row in usage.rows}
    legend = [] if usage.by == "day" else [(names[key], hues[key]) for key in keys]
    if usage.by != "day" and len(usage.rows) > SERIES:
        legend.append((_("Others"), REST))
    top = _top(max((sum(parts.values()) for parts in usage.daily.values()), default=0))
    days = usage.range.days
    step = WIDTH / len(days)
    bars = [_bar(day, usage.daily.get(day, {}), number * step, step, top, hues) for number, day in enumerate(days)]
    return Chart(bars, legend, top)


def _bar(day: date, amounts: dict[str, int], x: float, step: float, top: int, hues: dict[str, str]) -> Bar:
    parts, y = [], float(HEIGHT)
    for key, hue in hues.items():
        height = HEIGHT * amounts.get(key, 0) / top
        if height:
            y -= height
            parts.append(Part(round(x + step * 0.12, 2), round(y, 2), round(step * 0.76, 2), round(height, 2), hue))
    return Bar(day, sum(amounts.values()), round(x, 2), round(step, 2), parts)


def _top(most: int) -> int:
    """A round number, 1, 2 or 5 with noughts, that is at least ``most``."""
    size = 1
    while size * 10 <= most:
        size *= 10
    return next((size * step for step in (1, 2, 5, 10) if size * step >= most), size)
