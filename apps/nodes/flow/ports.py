"""What the two ends of a workflow have in common: the name that becomes a port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Port
from apps.engine.types import PortType
from apps.wording import gettext as _

NAME_MAX = 64
NAME = {"type": "string", "title": "Name", "default": "", "maxLength": NAME_MAX, "x-primary": True}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def name_problem(name: Any) -> str | None:
    """Why this cannot be a port's name; None when it can."""
    if not name:
        return _("Give it a name: it becomes the port's.")
    if not isinstance(name, str) or not _NAME.match(name):
        return _("A port's name has letters, digits and _ and does not begin with a digit.")
    return None


def port_of(params: Mapping[str, Any], title: str = "") -> Port:
    """The port that a `flow.input` with these parameters makes."""
    required = params.get("default") is None
    return Port(params["name"], PortType(params.get("type") or PortType.TEXT), title, required)
