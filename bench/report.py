"""One row per figure: measured, goal, how it was got. Printed as a table, kept as JSON."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """A measured figure. ``goal`` is an upper bound in the same unit unless ``at_least``; None where there is none."""

    bench: str
    what: str
    value: float
    goal: float | None
    unit: str
    how: str
    at_least: bool = False
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which ``percent`` of the values lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered)) - 1))]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> str:
    """The figures as text."""
    rows = [("bench", "what", "measured", "goal", "", "how")]
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        measured = f"{figure.value:.4g} {figure.unit}"
        goal = f"{sign} {figure.goal:g} {figure.unit}" if figure.goal is not None else ""
        verdict = "" if figure.goal is None else "ok" if figure.reached else "MISSED"
        rows.append((figure.bench, figure.what, measured, goal, verdict, figure.how))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def durations(took: Mapping[str, float], total: float) -> str:
    """How long each benchmark took and all of it with the stack's start and stop, as a line of text; seconds."""
    each = ", ".join(f"{name} {seconds:.0f}" for name, seconds in took.items())
    return f"\nseconds per benchmark: {each}; in all, with the stack's start and stop: {total:.0f}"


def keep(figures: Sequence[Figure], took: Mapping[str, float], folder: Path) -> None:
    """One JSON file per benchmark; ``took`` is seconds per benchmark."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {figure.bench for figure in figures}:
        document = {
            "at": datetime.now(UTC).isoformat(),
            "machine": platform.platform(),
            "took_s": round(took[name], 1),
            "figures": [{**asdict(figure), "reached": figure.reached} for figure in figures if figure.bench == name],
        }
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
