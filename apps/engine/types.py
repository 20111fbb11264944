"""Port types and what may be connected to what."""

from __future__ import annotations

from enum import StrEnum

from apps.wording import gettext as _


class PortType(StrEnum):
    """The type of a value that travels along an edge."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    ASSET = "asset"
    TABLE = "table"
    ANY = "any"


def kind_title(kind: str) -> str:
    """A port's type or an asset's kind as it is called in a sentence; a name that is neither stays as it is."""
    titles = {
        "text": _("text"),
        "number": _("a number"),
        "boolean": _("yes or no"),
        "json": _("structured data"),
        "image": _("an image"),
        "video": _("a video"),
        "audio": _("a sound"),
        "asset": _("a file"),
        "file": _("a file"),
        "table": _("a table"),
        "any": _("anything"),
        "null": _("nothing"),
    }
    return titles.get(kind, kind)


ASSETS = frozenset({PortType.IMAGE, PortType.VIDEO, PortType.AUDIO, PortType.ASSET})
# Ports of these types take a list as one value; a list at any other one-value port maps the node over it.
WHOLE = frozenset({PortType.ANY, PortType.JSON})


def connection_problem(source: PortType, target: PortType) -> str | None:
    """Why ``source`` cannot feed ``target``, as a sentence; None when it can."""
    if source == target or PortType.ANY in (source, target):
        return None
    if target == PortType.ASSET and source in ASSETS:
        return None
    if source == PortType.ASSET and target in ASSETS:
        return None  # which kind it is shows at run time
    if target == PortType.TEXT and source in (PortType.NUMBER, PortType.BOOLEAN):
        return None
    if target == PortType.JSON and source in (PortType.TEXT, PortType.NUMBER, PortType.BOOLEAN):
        return None
    sides = {"source": kind_title(source), "target": kind_title(target)}
    return _("This output gives %(source)s, but this input takes %(target)s.", **sides)
