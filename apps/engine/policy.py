"""How a node is treated rather than what it does: retries, time limit, what follows a failure, reuse, a pinned output.

These settings travel with a node's parameters under names that begin with ``$``, so that every surface that can set a
parameter (operations, co-editing, undo, the API) can set them; the node itself never sees them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from apps.engine.node_types import Effect, NodeType, Port
from apps.engine.types import PortType
from apps.engine.values import value_problem
from apps.engine.vary import SCHEMAS as VARY_SCHEMAS
from apps.engine.vary import VARY, Choose, shape_text, vary_problem
from apps.wording import gettext as _
from apps.wording import gettext_noop
from apps.wording.schema import sentence, unknown

ERROR_PORT = "error"
MAX_RETRIES = 10
MAX_WAIT_S = 3600.0
MAX_FALLBACKS = 5
# The failure of a step that could pass what its run may cost.
OVER_LIMIT = "max-credits"


class OnFailure(StrEnum):
    """What follows when a step has failed for good."""

    STOP = "stop"
    DEFAULT = "default"
    BRANCH = "branch"


# JSON Schema (draft 2020-12) of each setting. Titles and descriptions are what the form shows.
SETTINGS: dict[str, dict[str, Any]] = {
    "$retry": {
        "type": "object",
        "title": gettext_noop("Retries"),
        "description": gettext_noop("How many times to try again after a temporary error."),
        "additionalProperties": False,
        "required": ["times"],
        "properties": {
            "times": {"type": "integer", "title": gettext_noop("Times"), "minimum": 0, "maximum": MAX_RETRIES},
            "backoff_s": {
                "type": "number",
                "title": gettext_noop("Wait before the first retry, seconds"),
                "minimum": 0.1,
                "maximum": MAX_WAIT_S,
                "default": 2,
            },
            "factor": {
                "type": "number",
                "title": gettext_noop("Multiply each wait by"),
                "minimum": 1,
                "maximum": 10,
                "default": 2,
            },
        },
    },
    "$timeout_s": {
        "type": "number",
        "title": gettext_noop("Time limit, seconds"),
        "description": gettext_noop("An attempt that takes longer is stopped and counts as failed."),
        "minimum": 0.1,
        "maximum": 86_400,
    },
    "$fallback": {
        "type": "array",
        "title": gettext_noop("Ask instead"),
        "description": gettext_noop(
            "Models to ask, in this order, when the vendor is busy or cannot be reached. The price of the "
            "dearest is held."
        ),
        "format": "models",
        "items": {"type": "string", "minLength": 1, "maxLength": 120},
        "maxItems": MAX_FALLBACKS,
        "uniqueItems": True,
    },
    "$on_failure": {
        "type": "string",
        "title": gettext_noop("If it fails"),
        "enum": [choice.value for choice in OnFailure],
        "x-enum-titles": [
            gettext_noop("Stop the run"),
            gettext_noop("Continue with a default value"),
            gettext_noop("Continue from the error output"),
        ],
        "default": OnFailure.STOP.value,
    },
    "$default": {
        "type": "object",
        "title": gettext_noop("Default value"),
        "description": gettext_noop("The value of each output if the step fails."),
    },
    "$always_new": {
        "type": "boolean",
        "title": gettext_noop("Always new"),
        "description": gettext_noop("Never reuse an earlier result of this node."),
        "default": False,
    },
    "$pin": {
        "type": "object",
        "title": gettext_noop("Pinned output"),
        "description": gettext_noop("The node does not run. It outputs these values instead."),
    },
    **VARY_SCHEMAS,
}


@dataclass(frozen=True)
class Policy:
    """A node's settings. ``pin`` and ``default`` are outputs by port; ``fallback`` are models; times in seconds.

    ``choose`` is who says which of a step's variants goes on.
    """

    retries: int = 0
    backoff_s: float = 2.0
    factor: float = 2.0
    timeout_s: float | None = None
    on_failure: OnFailure = OnFailure.STOP
    default: Mapping[str, Any] | None = None
    always_new: bool = False
    pin: Mapping[str, Any] | None = None
    fallback: tuple[str, ...] = ()
    choose: Choose = Choose.FIRST

    def pause_s(self, attempt: int, *, permanent: bool, jitter: float | None = None) -> float | None:
        """How long to wait after failed attempt number ``attempt`` (1 is the first); None when it was the last.

        The pause grows by ``factor`` and is spread by ±20 %, so that what failed together does not come back together.
        """
        if permanent or attempt > self.retries:
            return None
        spread = random.uniform(0.8, 1.2) if jitter is None else jitter
        return min(MAX_WAIT_S, self.backoff_s * self.factor ** (attempt - 1)) * spread

    def handles(self, error: Mapping[str, Any]) -> bool:
        """Whether the run goes on after this failure; never when it reached its own limit."""
        return self.on_failure is not OnFailure.STOP and error.get("code") != OVER_LIMIT


NO_POLICY = Policy()


def own_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The node's own parameters, without the settings."""
    return {name: value for name, value in params.items() if not name.startswith("$")}


def policy_of(params: Mapping[str, Any]) -> Policy:
    """The settings among the parameters of a valid node."""
    if not any(name.startswith("$") for name in params):
        return NO_POLICY
    retry = params.get("$retry") or {}
    return Policy(
        retries=int(retry.get("times", 0)),
        backoff_s=float(retry.get("backoff_s", 2)),
        factor=float(retry.get("factor", 2)),
        timeout_s=params.get("$timeout_s"),
        on_failure=OnFailure(params.get("$on_failure") or OnFailure.STOP),
        default=params.get("$default"),
        always_new=bool(params.get("$always_new")),
        pin=params.get("$pin"),
        # A comparison is of what was asked: no other model answers in a variant's place.
        fallback=() if params.get(VARY) else tuple(params.get("$fallback") or ()),
        choose=Choose((params.get(VARY) or {}).get("choose") or Choose.FIRST),
    )


def node_type_treated(node_type: NodeType, params: Mapping[str, Any]) -> NodeType:
    """The type of a node with these parameters: with an error output where its failures take a branch."""
    if params.get("$on_failure") != OnFailure.BRANCH or node_type.output(ERROR_PORT):
        return node_type
    return _with_error(node_type)


@lru_cache(maxsize=1024)
def _with_error(node_type: NodeType) -> NodeType:
    error = Port(ERROR_PORT, PortType.JSON, gettext_noop("Error"))
    return replace(node_type, outputs=(*node_type.outputs, error))


def policy_problems(params: Mapping[str, Any], node_type: NodeType) -> list[tuple[str, str]]:
    """``(setting, sentence)`` for everything wrong with the settings of a node of this type."""
    found: list[tuple[str, str]] = []
    for name, value in params.items():
        if not name.startswith("$") or value is None:
            continue
        if name not in SETTINGS:
            found.append((name, unknown(name, _("Settings"))))
            continue
        found += [(name, _sentence(name, error)) for error in _validator(name).iter_errors(value)][:1]
    if node_type.effect is Effect.WAIT and not node_type.nested and params.get("$timeout_s") is not None:
        found.append(("$timeout_s", _("A node that waits has its own time. Leave this out.")))
    if not found:
        found += [("$fallback", message) for message in _fallback_problems(params, node_type)]
        if problem := vary_problem(params, node_type, node_type.with_defaults(own_params(params))):
            found.append((VARY, problem))
        for name in ("$default", "$pin"):
            found += [
                (name, _("There is no output %(port)s.", port=port))
                for port in (params.get(name) or {})
                if node_type.output(port) is None
            ]
        found += [("$pin", message) for message in _misfits(params.get("$pin") or {}, node_type)][:1]
        if params.get("$on_failure") == OnFailure.DEFAULT and not params.get("$default"):
            found.append(("$default", _("Say what the outputs give when it fails.")))
    return found


def _misfits(outputs: Mapping[str, Any], node_type: NodeType) -> list[str]:
    """What the outputs cannot give: a pin may hold a list where its step was mapped."""
    ports = [(port, outputs[port.name]) for port in node_type.outputs if port.name in outputs]
    return [message for port, value in ports if (message := value_problem(value, port, nested=True))]


def _fallback_problems(params: Mapping[str, Any], node_type: NodeType) -> list[str]:
    """What is wrong with the models to be asked instead: one sentence, about the first that cannot be."""
    names = params.get("$fallback") or ()
    if not names:
        return []
    if node_type.stand_in is None:
        return [_("This node asks no model. Leave this out.")]
    own = node_type.with_defaults(own_params(params))
    return [message for name in names if (message := node_type.stand_in(own, name))][:1]


def _sentence(name: str, error: Any) -> str:
    """About the part of the setting that is wrong, if it has parts."""
    schema = SETTINGS[name]
    path = [str(part) for part in error.instance_path]
    if name == VARY and (said := shape_text(str(error.schema_path[-1]), path)):
        return said
    part = schema.get("properties", {}).get(path[0]) if path else None
    return sentence(part or schema, error)


@cache
def _validator(name: str) -> Any:
    import jsonschema_rs  # see apps.engine.node_types

    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return jsonschema_rs.validator_for({**SETTINGS[name], **draft}, mask="this value")
