"""Colours as people write them in a node's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PIL import ImageColor

from apps.engine.node_types import is_variable
from apps.wording import gettext as _

Colour = tuple[int, int, int, int]


def colour_schema(title: str, default: str, **more: Any) -> dict[str, Any]:
    """The schema of a parameter that is a colour."""
    return {"type": "string", "format": "color", "title": title, "default": default, "maxLength": 40, **more}


def colour(text: str) -> Colour:
    """Red, green, blue, alpha, each 0 to 255. ValueError for what is no colour."""
    if text.strip().lower() == "transparent":
        return 0, 0, 0, 0
    red, green, blue, *alpha = ImageColor.getrgb(text.strip())
    return red, green, blue, alpha[0] if alpha else 255


def colours_checker(params: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], list[tuple[str, str]]]:
    """A check of all parameters in the schema ``params`` that are colours."""
    named = {name: part["title"] for name, part in params["properties"].items() if part.get("format") == "color"}

    def check(given: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [(name, _not_one(title)) for name, title in named.items() if not _is_colour(given[name])]

    return check


def _is_colour(value: Any) -> bool:
    if is_variable(value):
        return True  # its value shows at run time, and is checked then
    try:
        colour(value)
    except ValueError:
        return False
    return True


def _not_one(title: str) -> str:
    return _("%(title)s is not a colour: write it like #ff8800, navy or transparent.", title=_(title))
