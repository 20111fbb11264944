"""Text with placeholders. A placeholder is a JMESPath expression (jmespath.org): it selects, it cannot run code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.operations import OperationError, storable
from apps.engine.types import PortType
from apps.wording import gettext as _

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# Without one of these no expression reaches the variables: the name, the root, all members, an escape in a name.
_EVERYTHING = ("variables", "@", "*", "\\")
# A placeholder that is nothing but a way into a variable.
_OF_VARIABLE = re.compile(r"\s*variables\.([A-Za-z_]\w*)(?:\.[A-Za-z_]\w*|\[-?\d+\])*\s*\Z", re.ASCII)
# A placeholder that begins with a name, and is nothing but a way into it.
_PATH = re.compile(r"\s*([A-Za-z_]\w*)(?:\.[A-Za-z_]\w*|\[-?\d+\])*\s*\Z", re.ASCII)
_ROOTS = ("value", "values", "variables")
MAX_OUTPUT = 1_000_000


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        return jmespath.compile(expression.strip())
    except RecursionError as error:  # thousands of brackets in each other
        raise JMESPathError(_("it is nested too deep")) from error


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every placeholder must be readable before a run."""
    template = params.get("template", "")
    for expression in _PLACEHOLDER.findall(template) if isinstance(template, str) else ():
        try:
            _compiled(expression)
        except JMESPathError:
            shown = f"`{{{{{expression}}}}}`"
            message = _("%(found)s is not a placeholder; write {{ value }} or {{ values[0] }}.", found=shown)
            return [("template", message)]
        if (found := _PATH.match(expression)) and found[1] not in _ROOTS:
            message = _("A template knows `value`, `values` and `variables`, but no `%(name)s`.", name=found[1])
            return [("template", message)]
    return []


def reads_variables(params: Mapping[str, Any]) -> bool:
    """Whether a placeholder may look at the run's variables."""
    placeholders = _PLACEHOLDER.findall(params["template"])
    return any(mark in expression for expression in placeholders for mark in _EVERYTHING)


def variables_needed(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The variables that must have a value, as a placeholder shows them and nothing else."""
    matches = (_OF_VARIABLE.match(expression) for expression in _PLACEHOLDER.findall(params["template"]))
    return [("template", found[1]) for found in matches if found]


class _Bounded(TreeInterpreter):
    """Refuses what grows: a short expression can double a list or a text a hundred times."""

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().visit(node, *args, **kwargs)
        if isinstance(found, str | list) and len(found) > MAX_OUTPUT:
            raise _too_long()
        return found


def _too_long() -> NodeFailure:
    message = _("The text would be longer than %(limit)s characters.", limit=f"{MAX_OUTPUT:,}")
    return NodeFailure(message, code="too-long")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    # Piece by piece: a list may hold the same list many times, and be far longer as text than in memory.
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > MAX_OUTPUT:
            raise _too_long()
    return "".join(pieces)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill the placeholders from ``value``, ``values`` and ``variables``."""
    values = inputs.get("values", [])
    data = {"value": values[0] if values else None, "values": values, "variables": dict(context.variables)}

    def fill(match: re.Match[str]) -> str:
        try:
            found = _Bounded().visit(_compiled(match[1]).parsed, data)
        except (JMESPathError, RecursionError) as error:
            message = _("`%(placeholder)s` could not be filled: %(reason)s", placeholder=match[0], reason=error)
            raise NodeFailure(message, code="bad-template") from error
        if found is None:
            message = _("`%(placeholder)s` has no value here.", placeholder=match[0])
            raise NodeFailure(message, code="bad-template")
        return _text(found)

    text = _PLACEHOLDER.sub(fill, params["template"])
    if len(text) > MAX_OUTPUT:
        raise _too_long()
    try:
        storable(text)  # a placeholder may hold a literal with any character
    except OperationError as error:
        raise NodeFailure(error.detail, code="bad-template") from error
    return {"text": text}


NODE = NodeType(
    type="flow.template",
    version=1,
    title="Template",
    category="flow",
    description="Puts values into a text: {{ value }} for one, {{ values[0] }} for several.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="braces",
    run=run,
    instant=True,
    check=check,
    reads_variables=reads_variables,
    variables_needed=variables_needed,
    inputs=(Port("values", PortType.ANY, "Values", required=False, many=True),),
    outputs=(Port("text", PortType.TEXT, "Text"),),
    params={
        "properties": {
            "template": {
                "type": "string",
                "title": "Template",
                "format": "template",
                "default": "{{ value }}",
                "maxLength": 100_000,
                "x-primary": True,
            }
        }
    },
)
