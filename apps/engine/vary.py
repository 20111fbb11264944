"""Variants: one step done several times side by side, of which one, the winner, goes on.

The setting ``$vary`` of a node that asks a model says what differs: models, seeds, values of parameters. Their cross
product are the step's variants; each is an item of its own, priced, held, tried again and reused by itself. After the
variants comes one more item, the *choice*: what it gives is what the step gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any

from apps.engine.states import StepState
from apps.wording import gettext as _
from apps.wording import gettext_noop, ngettext

if TYPE_CHECKING:
    from apps.engine.node_types import NodeType

VARY = "$vary"
# Among a run's edited inputs of a node: the variant that goes on, named by what differs in it.
WINNER = "$winner"
VARIANTS_MAX = 64
SWEEPS_MAX = 2
SEED = "seed"
SEED_MAX = 2**63 - 1

# What differs in a variant, by parameter: ``{"model": …, "seed": …}``. It names the variant.
Variant = Mapping[str, Any]


class Choose(StrEnum):
    """Who says which variant goes on, as long as nobody has chosen among these very results."""

    FIRST = "first"
    VOTES = "votes"
    PERSON = "person"


SCHEMAS: dict[str, dict[str, Any]] = {
    VARY: {
        "type": "object",
        "title": gettext_noop("Compare"),
        "description": gettext_noop("Makes several variants side by side. One of them goes on."),
        "additionalProperties": False,
        "properties": {
            "models": {
                "type": "array",
                "title": gettext_noop("Models"),
                "items": {"type": "string", "minLength": 1, "maxLength": 120},
                "minItems": 1,
                "uniqueItems": True,
            },
            "seeds": {
                "type": ["integer", "array"],
                "title": gettext_noop("Seeds"),
                "items": {"type": "integer", "minimum": 0, "maximum": SEED_MAX},
                "minItems": 1,
                "uniqueItems": True,
                "minimum": 1,
            },
            "sweep": {
                "type": "object",
                "title": gettext_noop("Values"),
                "minProperties": 1,
                "maxProperties": SWEEPS_MAX,
                "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True},
            },
            "choose": {
                "type": "string",
                "title": gettext_noop("What goes on"),
                "enum": [choice.value for choice in Choose],
                "x-enum-titles": [
                    gettext_noop("The first that succeeds"),
                    gettext_noop("The one with the most votes"),
                    gettext_noop("The run waits until somebody chooses"),
                ],
                "default": Choose.FIRST.value,
            },
        },
    },
}


def variants_of(params: Mapping[str, Any]) -> tuple[Variant, ...]:
    """The variants that a valid node asks for, in order: by model, then by value, then by seed."""
    vary = params.get(VARY)
    if not vary or params.get("$pin") is not None:
        return ()
    axes: list[list[dict[str, Any]]] = [[{"model": name} for name in vary.get("models") or ()]]
    axes += [[{name: value} for value in values] for name, values in (vary.get("sweep") or {}).items()]
    axes.append([{SEED: seed} for seed in _seeds(vary.get("seeds"), params)])
    whole = product(*(axis for axis in axes if axis))
    return tuple({name: value for part in parts for name, value in part.items()} for parts in whole)


def _seeds(wanted: Any, params: Mapping[str, Any]) -> Sequence[int]:
    """A list as it is; a number means so many from the node's own seed on."""
    if isinstance(wanted, list):
        return wanted
    own = params.get(SEED)
    first = own if isinstance(own, int) and not isinstance(own, bool) else 1
    return range(first, first + (wanted or 0))


def variants_count(vary: Mapping[str, Any]) -> int:
    """How many variants a setting of valid shape asks for, without making them."""
    seeds = vary.get("seeds") or 0
    counts = [len(vary.get("models") or ()), len(seeds) if isinstance(seeds, list) else seeds]
    counts += [len(values) for values in (vary.get("sweep") or {}).values()]
    whole = 1
    for count in counts:
        whole *= count or 1
    return whole if any(counts) else 0


def vary_problem(params: Mapping[str, Any], node_type: NodeType, own: Mapping[str, Any]) -> str | None:
    """What is wrong with a ``$vary`` of valid shape, as one sentence. ``own``: the node's own parameters, complete."""
    vary = params.get(VARY)
    if vary is None:
        return None
    if node_type.vary is None:
        return _("This node asks no model, so there is nothing to compare. Leave this out.")
    count = variants_count(vary)
    if count == 0:
        return _("Say what to compare: models, seeds, or values of a parameter.")
    if count > VARIANTS_MAX:
        return _("These are %(count)s variants; at most %(most)s can be compared.", count=count, most=VARIANTS_MAX)
    if problem := lists_problem(vary):
        return problem
    for variant in variants_of({**params, "$pin": None}):
        problems = node_type.params_problems(node_type.vary(own, variant))
        if problems:
            return f"{variant_text(variant)}: {problems[0][1]}" if count > 1 else problems[0][1]
    return None


def lists_problem(vary: Mapping[str, Any]) -> str | None:
    """What is wrong with the lists of a setting, as one sentence: nothing is to be made, and paid, twice."""
    sweep = vary.get("sweep") or {}
    if clash := {"model", SEED} & set(sweep):
        return _("“%(name)s” has a list of its own here. Take it out of the values.", name=min(clash))
    lists = [values for values in (vary.get("models"), vary.get("seeds"), *sweep.values()) if isinstance(values, list)]
    if any(len({json.dumps(value, sort_keys=True) for value in values}) < len(values) for values in lists):
        return shape_text("uniqueItems", ())
    return None


def shape_text(rule: str, path: Sequence[str]) -> str | None:
    """What is wrong with the shape of a ``$vary``, as one sentence; None where the field's own schema says it."""
    if rule in {"minProperties", "maxProperties"}:
        return _("Say at least one value of a parameter, and at most two parameters.")
    if rule == "minItems":
        return _("Each list to compare needs at least one entry.")
    if rule == "uniqueItems":
        return _("Each entry of a list to compare may be there once.")
    if path[:1] == ["seeds"]:
        return _("Compare at least one seed.") if len(path) == 1 else _("A seed is a whole number from 0 on.")
    return None


def variant_text(variant: Variant) -> str:
    """What differs in a variant, in a few words for logs and sentences."""
    return ", ".join(str(value) if name == "model" else f"{name} {value}" for name, value in variant.items())


def variant_place(variants: Sequence[Variant], wanted: Any) -> int | None:
    """Where the variant that is named by what differs in it stands; None where there is none."""
    if not isinstance(wanted, Mapping):
        return None
    # Compared as JSON would: 1 and true are two values.
    return next((place for place, one in enumerate(variants) if _told(one) == _told(wanted)), None)


def _told(variant: Variant) -> list[tuple[str, str]]:
    return sorted((name, repr(value)) for name, value in variant.items())


def first_good(states: Sequence[StepState]) -> int | None:
    """The first variant that gave something; None where none did."""
    return next((place for place, state in enumerate(states) if state.emitted), None)


def none_good(count: int, reason: str) -> str:
    """The sentence for a step none of whose variants succeeded, with the first one's reason."""
    return ngettext(
        "The variant failed, so nothing goes on: %(reason)s",
        "All %(count)s variants failed, so nothing goes on. The first: %(reason)s",
        count,
        reason=reason,
    )
