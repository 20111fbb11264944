"""Values as they arrive at a port: converted where a rule says so, refused with a sentence where none does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from apps.engine.node_types import NodeFailure, Port, is_variable
from apps.engine.types import ASSETS, WHOLE, PortType, kind_title
from apps.wording import gettext as _

ASSET_KEY = "$asset"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def is_asset(value: Any) -> bool:
    """Whether a value is a reference to an asset: whoever writes JSON by hand may use the key for something else."""
    if type(value) is not dict and not isinstance(value, Mapping):
        return False
    named = value.get(ASSET_KEY)
    return isinstance(named, str) and _ID.match(named) is not None


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
        raise _misfit(port, value)
    return value


def value_problem(value: Any, port: Port, *, nested: bool) -> str | None:
    """Why neither this value nor a list of such fits the port, as a sentence; ``nested``: lists may hold lists."""
    if port.type in WHOLE:
        return None
    if isinstance(value, list):
        problems = (
            value_problem(one, port, nested=True) if nested or not isinstance(one, list) else str(_misfit(port, one))
            for one in value
        )
        return next(filter(None, problems), None)
    try:
        value_fit(value, port)
    except NodeFailure as failure:
        return str(failure)
    return None


def inputs_check(inputs: Mapping[str, Any], ports: Iterable[Port]) -> None:
    """:class:`NodeFailure` when null arrived where a value of some type must be: a default or a pin may be null."""
    for port in ports:
        if port.name in inputs and inputs[port.name] is None and null_problem(port):
            raise _misfit(port, None)


def null_problem(port: Port) -> str | None:
    """Why null cannot be at the port, as a sentence."""
    return str(_misfit(port, None)) if port.required and port.type not in WHOLE else None


def _misfit(port: Port, value: Any) -> NodeFailure:
    sides = {"wanted": kind_title(port.type), "got": kind_title(_kind(value))}
    message = _("%(port)s takes %(wanted)s, but got %(got)s.", port=_(port.title) or port.name, **sides)
    return NodeFailure(message, code="wrong-type")


def _kind(value: Any) -> str:
    """What arrived, in the words of ports and assets."""
    if value is None:
        return "null"
    if is_asset(value):
        return str(value.get("kind", "asset"))
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def maps_over(value: Any, port: Port) -> bool:
    """Whether this value at this port maps the node: a list where one value is expected."""
    return isinstance(value, list) and not port.many and port.type not in WHOLE


def params_resolve(params: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` with ``{"$variable": name}`` replaced; :class:`NodeFailure` for a variable without a value."""
    resolved = {}
    for name, value in params.items():
        resolved[name] = _variable(value["$variable"], variables) if is_variable(value) else value
    return resolved


def variable_failure(name: str, variables: Mapping[str, Any]) -> NodeFailure | None:
    """Why a parameter cannot take its value from the variable; None when it can."""
    if name not in variables:
        return NodeFailure(_("The variable %(name)s is not set.", name=name), code="missing-variable")
    if is_variable(variables[name]):
        # It would pass for a value that is still to come, and be checked by nobody.
        message = _("The variable %(name)s refers to another variable. Give it a value.", name=name)
        return NodeFailure(message, code="bad-variable")
    return None


def _variable(name: str, variables: Mapping[str, Any]) -> Any:
    if failure := variable_failure(name, variables):
        raise failure
    return variables[name]
