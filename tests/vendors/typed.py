"""Requests held to an SDK's parameter types: its TypedDicts, with the wire's own names, say what may be sent."""

from __future__ import annotations

import collections.abc
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict


class Misfit(Exception):
    """What was sent is not of this type; the message says where and why."""


def check(value: Any, kind: Any, where: str = "body") -> None:
    """Misfit unless ``value``, as it came over the wire, is what the type allows."""
    origin = get_origin(kind)
    if origin in (Annotated, Required):
        check(value, get_args(kind)[0], where)
    elif is_typeddict(kind):
        _check_members(value, kind, where)
    elif origin is Literal:
        _must(value in get_args(kind), where, f"{value!r} is none of {get_args(kind)}")
    elif origin is Union:
        _check_union(value, get_args(kind), where)
    elif origin in (collections.abc.Iterable, list):
        _must(isinstance(value, list), where, "is no list")
        for number, one in enumerate(value):
            check(one, get_args(kind)[0], f"{where}[{number}]")
    else:
        _check_plain(value, kind, where)


def _check_plain(value: Any, kind: Any, where: str) -> None:
    plain = {int: (int,), float: (int, float), str: (str,), bool: (bool,), type(None): (type(None),)}.get(kind)
    if kind is Any or kind is object:
        return
    _must(plain is not None, where, f"the test does not know the type {kind}")
    right = isinstance(value, plain or ()) and (kind is bool or not isinstance(value, bool))
    _must(right, where, f"{value!r} is no {kind}")


def _check_union(value: Any, kinds: tuple[Any, ...], where: str) -> None:
    reasons = []
    for kind in kinds:
        try:
            return check(value, kind, where)
        except Misfit as misfit:
            reasons.append(str(misfit))
    # The kind that went furthest says what is wrong with a request for it.
    raise Misfit(max(reasons, key=lambda reason: ("model" not in reason, len(reason)))[:500])


def _check_members(value: Any, kind: Any, where: str) -> None:
    _must(isinstance(value, Mapping), where, "is no object")
    members = _members(kind)
    if strange := set(value) - set(members):
        raise Misfit(f"{where}: {sorted(strange)} are not known to {kind.__name__}")
    for name, (hint, required) in members.items():
        if name in value:
            check(value[name], hint, f"{where}.{name}")
        else:
            _must(not required, where, f"{name} is missing")


@cache
def _members(kind: Any) -> dict[str, tuple[Any, bool]]:
    """By its name on the wire: the type of each member, and whether it must be there."""
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        required = get_origin(hint) is Required
        inner = get_args(hint)[0] if required else hint
        extras = get_args(inner)[1:] if get_origin(inner) is Annotated else ()
        alias = next((one.alias for one in extras if getattr(one, "alias", None)), name)
        found[alias] = (inner, required)
    return found


def _must(right: bool, where: str, why: str) -> None:
    if not right:
        raise Misfit(f"{where}: {why}")
