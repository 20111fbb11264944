"""Requests from catalogue entries: what differs between a vendor's models is said in the entry's ``call``, not in code.

``{"body": {…}, "params": {ours: "where.it.goes"}, "inputs": {ours: {"at": "where.it.goes", …}}, "with": {input: {…}}}``

``body`` is sent as it is, ``params`` are put into it (the ones that are empty are left out), and what ``with`` says of
an input is laid over ``call`` when that input is there: another address for a picture than for words alone.
``texts`` names the parameters that the vendor wants as text with a unit: ``{"duration": "%ss"}``. ``needs`` names the
inputs without which nothing is sent.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from apps.providers.base import ProviderError
from apps.wording import gettext as _


def call_for(call: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``call`` with what it says about the inputs that are there laid over it. ProviderError where one is missing."""
    if missing := [name for name in call.get("needs", []) if not inputs.get(name)]:
        detail = _("This model needs an input that is not there: %(input)s.", input=", ".join(missing))
        raise ProviderError("invalid", detail, permanent=True)
    chosen = copy.deepcopy(dict(call))
    for name, more in chosen.pop("with", {}).items():
        if inputs.get(name):
            body = merged(chosen.get("body", {}), more.get("body", {}))
            chosen |= {**more, "body": body}
    return chosen


def body_build(call: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The entry's body with the parameters in their places."""
    body: dict[str, Any] = copy.deepcopy(dict(call.get("body", {})))
    texts = call.get("texts", {})
    for name, where in call.get("params", {}).items():
        value = params.get(name)
        if value is not None and value != "":
            place(body, where, texts[name] % value if name in texts else value)
    return body


def place(body: dict[str, Any], where: str, value: Any) -> None:
    """Put a value where a dotted path says; what is on the way is made."""
    *way, last = where.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[last] = value


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two trees as one; the second one wins."""
    both = dict(under)
    for name, value in over.items():
        before = both.get(name)
        both[name] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return both


def references(value: Any) -> list[Mapping[str, Any]]:
    """The asset references of one input: none, one or many."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, Mapping) and one.get("url")]
