"""A fork: the value goes one of two ways, decided by a CEL expression (cel.dev), which always ends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.flow.cel import cel_compiled, variables_read
from apps.wording import gettext as _
from apps.wording import gettext_noop


def _sentence(error: Exception) -> str:
    """The first line of CEL's report, without its internal codes."""
    return str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: <input>:")[:300]


# What CEL reports while it computes, in words for whoever drew the condition; the groups fill the sentence.
_TROUBLES = (
    (r"(?:divide|modulus) by zero", gettext_noop("The condition divides by zero.")),
    (r"integer overflow|.*out of range", gettext_noop("The condition counts with whole numbers beyond 64 bits.")),
    (
        r"Key not found in map : (?P<name>.*)",
        gettext_noop("The condition looks for %(name)s in an object that does not have it."),
    ),
    (
        r"Index error: index=(?P<index>-?\d+) size=(?P<size>\d+)",
        gettext_noop("The condition looks at place %(index)s of a list of %(size)s; places count from 0."),
    ),
    (
        r"No matching overloads found : (?P<what>.*)",
        gettext_noop("The condition works with values that do not go together: %(what)s."),
    ),
)


def _trouble(report: str) -> str:
    """One sentence about what went wrong."""
    reason = re.sub(r"^[A-Z_]+: ", "", report.partition("\n")[0])[:300]
    for pattern, message in _TROUBLES:
        if found := re.match(pattern, reason):
            return _(message, **found.groupdict())
    return _("The condition could not be decided: %(reason)s", reason=reason)


def _not_an_answer(kind: str, answer: Any) -> str:
    if kind in ("ERROR", "UNKNOWN"):
        return _trouble(str(answer))
    shown = json.dumps(answer, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 100 else f"{shown[:100]}…"
    return _("The condition must answer true or false, but it gave %(answer)s.", answer=shown)


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The expression must be readable before a run."""
    expression = params.get("expression", "")
    if not isinstance(expression, str):
        return []
    if not expression.strip():
        return [("expression", _("Write a condition, such as value > 10."))]
    try:
        kind = cel_compiled(expression).return_type().name()
    except RuntimeError as error:
        return [("expression", _unreadable(_sentence(error)))]
    if kind not in ("BOOL", "DYN"):
        return [("expression", _("The condition must answer true or false."))]
    return []


def _unreadable(report: str) -> str:
    """Why the expression is none."""
    if found := re.search(r"undeclared reference to '(?P<name>[^']*)'", report):
        return _("A condition knows `value` and `variables`, but no `%(name)s`.", **found.groupdict())
    # Of a syntax error, what could have stood there instead is a list of all signs of the language.
    return _("This is not a CEL expression: %(reason)s", reason=report.partition(" expecting ")[0])


def reads_variables(params: Mapping[str, Any]) -> bool:
    """Whether the expression may look at the run's variables."""
    return "variables" in params["expression"]


def variables_needed(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The variables that the expression reads and does not ask for with ``has(…)`` or ``in``."""
    return [("expression", name) for name in variables_read(params["expression"])]


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Emit the value on the branch that was taken; the other one stays silent."""
    value = inputs["value"]
    try:
        result = cel_compiled(params["expression"]).eval(data={"value": value, "variables": dict(context.variables)})
    except RuntimeError as error:
        raise NodeFailure(_trouble(_sentence(error)), code="bad-condition") from error
    answer = result.value()
    if not isinstance(answer, bool):
        raise NodeFailure(_not_an_answer(result.type().name(), result.plain_value()), code="bad-condition")
    return {"true" if answer else "false": value}


NODE = NodeType(
    type="flow.condition",
    version=1,
    title="Condition",
    category="flow",
    description="Sends the value one way when the expression is true, the other way when it is false.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="split",
    run=run,
    instant=True,
    check=check,
    reads_variables=reads_variables,
    variables_needed=variables_needed,
    inputs=(Port("value", PortType.ANY, "Value"),),
    outputs=(Port("true", PortType.ANY, "True"), Port("false", PortType.ANY, "False")),
    params={
        "properties": {
            "expression": {
                "type": "string",
                "title": "Expression",
                "description": "A CEL expression over `value`, such as value > 10 or value.contains('sea').",
                "format": "cel",
                "default": "value == true",
                "maxLength": 4000,
                "x-primary": True,
            }
        }
    },
)
