"""What the nodes for video and audio declare alike. Light: the palette reads it, no decoder is loaded for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Limits, NodeFailure
from apps.nodes.media.colours import colour, colour_schema
from apps.wording import gettext as _

# Ten minutes of 1080p are written within 400 MB and, on two slow processors, within ten minutes; 4K needs more of both.
LIMITS = Limits(memory_mb=1536, cpu_s=3600, time_s=1800)
# Longer ones would not be done within the time limit.
LONGEST_S = 1800
LONGEST_SOUND_S = 3 * 3600
CLIPS_MAX = 100
IMAGES_MAX = 1000

QUALITY: dict[str, Any] = {
    "type": "string",
    "title": "Quality",
    "enum": ["high", "good", "small"],
    "x-enum-titles": ["High", "Good", "Small file"],
    "default": "good",
}
FIT: dict[str, Any] = {
    "type": "string",
    "title": "Fit",
    "enum": ["contain", "cover", "stretch", "refuse"],
    "x-enum-titles": ["Fit inside", "Fill and crop", "Stretch", "Refuse other shapes"],
    "default": "contain",
}
COLOUR = colour_schema("Colour", "#000000")


def rgb(text: str) -> tuple[int, int, int]:
    """The colour as it is written in a form; one that came from a variable may be none."""
    try:
        red, green, blue, _alpha = colour(text)
    except ValueError as error:
        message = _("“%(text)s” is not a colour: write it like #ff8800 or navy.", text=text)
        raise NodeFailure(message, code="bad-colour") from error
    return red, green, blue


def side(title: str, default: int, description: str = "") -> dict[str, Any]:
    """A length in pixels; 0 stands for what ``description`` says."""
    shape = {"type": "integer", "minimum": 0, "maximum": 4096, "default": default, "x-unit": "px"}
    return {**shape, "title": title, **({"description": description} if description else {})}


def seconds(title: str, default: float, *, least: float = 0, most: float = LONGEST_S, **more: Any) -> dict[str, Any]:
    """A time or a length in seconds."""
    shape = {"type": "number", "minimum": least, "maximum": most, "default": default, "x-unit": "s"}
    return {"title": title, **shape, **more}


def rate(default: float, *, description: str = "", least: float = 0.1) -> dict[str, Any]:
    """Pictures per second."""
    shape = {"type": "number", "title": "Frame rate", "minimum": least, "maximum": 120, "default": default}
    return {**shape, "x-unit": "fps", **({"description": description} if description else {})}


def percent(title: str, default: float, *, least: float = 0, most: float = 100) -> dict[str, Any]:
    """A part of a whole."""
    return {
        "type": "number",
        "title": title,
        "minimum": least,
        "maximum": most,
        "default": default,
        "x-unit": "%",
    }


def end_check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The end must come after the start; either may be a variable, whose value shows at run time."""
    start, end = params["start"], params["end"]
    if isinstance(start, int | float) and isinstance(end, int | float) and 0 < end <= start:
        return [("end", _("The end must come after the start."))]
    return []


def length_check(seconds: float, limit: float = LONGEST_S) -> None:
    """NodeFailure when a result would be longer than can be made."""
    if seconds > limit:
        said = {"length": clock(seconds), "limit": clock(limit)}
        raise NodeFailure(_("That would last %(length)s; at most %(limit)s can be made.", **said), code="too-long")


def clock(seconds: float) -> str:
    """A length as people read it: ``2:05`` or ``1:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
