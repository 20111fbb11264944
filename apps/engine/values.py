"""Values as they arrive at a port: converted where a rule says so, refused with a sentence where none does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import NodeFailure, Port, is_variable
from apps.engine.types import ASSETS, WHOLE, PortType

ASSET_KEY = "$asset"


def is_asset(value: Any) -> bool:
    """Whether a value is a reference to an asset."""
    return isinstance(value, Mapping) and ASSET_KEY in value


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


_FITS: dict[PortType, type | tuple[type, ...]] = {
    PortType.TEXT: str,
    PortType.NUMBER: (int, float),
    PortType.BOOLEAN: bool,
}


def value_fit(value: Any, port: Port) -> Any:
    """``value`` as ``port`` takes it; :class:`NodeFailure` when it does not fit."""
    if port.type in WHOLE or value is None:
        return value
    if port.type is PortType.TEXT:
        value = _as_text(value)
    if port.type in ASSETS:
        fits = is_asset(value) and (port.type is PortType.ASSET or value.get("kind") == port.type)
    else:
        fits = isinstance(value, _FITS.get(port.type, object))
        fits = fits and not (port.type is PortType.NUMBER and isinstance(value, bool))
    if not fits:
        got = value.get("kind", "asset") if is_asset(value) else type(value).__name__
        raise NodeFailure(f"{port.title or port.name} takes {port.type}, but got {got}.", code="wrong-type")
    return value


def maps_over(value: Any, port: Port) -> bool:
    """Whether this value at this port maps the node: a list where one value is expected."""
    return isinstance(value, list) and not port.many and port.type not in WHOLE


def params_resolve(params: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` with ``{"$variable": name}`` replaced; :class:`NodeFailure` for a variable that is not set."""
    resolved = {}
    for name, value in params.items():
        if not is_variable(value):
            resolved[name] = value
        elif value["$variable"] in variables:
            resolved[name] = variables[value["$variable"]]
        else:
            raise NodeFailure(f"The variable {value['$variable']} is not set.", code="missing-variable")
    return resolved
