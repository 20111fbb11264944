"""CEL (cel.dev): expressions over ``value`` and ``variables`` that always end, and which variables they need."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

# Field numbers of cel/expr/checked.proto and syntax.proto (github.com/google/cel-spec), which a compiled expression is
# written in. The library shows its tree in no other way.
_ANY_VALUE, _CHECKED_EXPR = 2, 4
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
# Where the parts of a comprehension stand, and which of its own names (as fields) each of them knows.
_WITHIN = {2: (), 4: (), 5: (3,), 6: (1, 3, 8), 7: (3,)}

_Message = dict[int, list[Any]]


@cache
def _environment() -> Any:
    # Imported on first use: 7 MB that a process without conditions does not pay.
    from cel_expr_python import cel

    return cel.NewEnv(variables={"value": cel.Type.DYN, "variables": cel.Type.DYN})


@lru_cache(maxsize=1024)
def cel_compiled(expression: str) -> Any:
    """The expression, ready to be evaluated; RuntimeError with CEL's report when it is not one."""
    return _environment().compile(expression)


@lru_cache(maxsize=1024)
def variables_read(expression: str) -> tuple[str, ...]:
    """The variables that a readable expression names without asking first whether they are there.

    ``has(variables.x)`` and ``'x' in variables`` ask. Names that are computed (``variables[value]``) are known to
    nobody before the run; a name that a macro binds (``list.all(variables, …)``) is the macro's own.
    """
    read: dict[str, None] = {}
    asked: set[str] = set()
    checked = _first(_message(cel_compiled(expression).serialize()), _ANY_VALUE)
    waiting = [(_first(_message(checked), _CHECKED_EXPR), frozenset[str]())]
    while waiting:
        raw, bound = waiting.pop()
        node = _message(raw)
        if "variables" not in bound and (found := _variable(node)):
            name, asks = found
            asked.update([name] if asks else [])
            read.update({} if asks else {name: None})
        waiting += reversed([(part, bound | own) for part, own in _parts(node)])
    return tuple(name for name in read if name not in asked)


def _variable(node: _Message) -> tuple[str, bool] | None:
    """The variable that this node of the tree names, and whether it only asks for it."""
    if select := _first(node, _SELECT):
        fields = _message(select)
        return (_text(fields, 2), bool(fields.get(3))) if _is_variables(_first(fields, 1)) else None
    call = _message(_first(node, _CALL))
    arguments = call.get(3, [])
    if len(arguments) == 2 and (function := _text(call, 2)) in ("_[_]", "@in"):
        whole, key = arguments if function == "_[_]" else reversed(arguments)
        name = _text(_message(_first(_message(key), _CONST)), 6)
        return (name, function == "@in") if name and _is_variables(whole) else None
    return None


def _is_variables(raw: bytes) -> bool:
    return _text(_message(_first(_message(raw), _IDENT)), 1) == "variables"


def _parts(node: _Message) -> Iterator[tuple[bytes, frozenset[str]]]:
    """The expressions inside of a node, each with the names that are bound there."""
    none = frozenset[str]()
    yield from ((part, none) for part in _message(_first(node, _SELECT)).get(1, []))
    call = _message(_first(node, _CALL))
    yield from ((part, none) for part in [*call.get(1, []), *call.get(3, [])])
    yield from ((part, none) for part in _message(_first(node, _LIST)).get(1, []))
    for entry in _message(_first(node, _STRUCT)).get(2, []):
        fields = _message(entry)
        yield from ((part, none) for part in [*fields.get(3, []), *fields.get(4, [])])
    loop = _message(_first(node, _COMPREHENSION))
    for place, own in _WITHIN.items():
        yield from ((part, frozenset(_text(loop, name) for name in own)) for part in loop.get(place, []))


def _first(message: _Message, field: int) -> bytes:
    found = message.get(field)
    return bytes(found[0]) if found else b""


def _text(message: _Message, field: int) -> str:
    return _first(message, field).decode()


def _message(raw: bytes) -> _Message:
    """The fields of a protobuf message (protobuf.dev/programming-guides/encoding) by number."""
    found: _Message = {}
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(raw, at)
            found.setdefault(tag >> 3, []).append(value)
            continue
        length = {1: 8, 5: 4}.get(kind)
        if length is None:
            length, at = _varint(raw, at)
        found.setdefault(tag >> 3, []).append(raw[at : at + length])
        at += length
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while raw[at] & 0x80:
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | raw[at] << shift, at + 1
