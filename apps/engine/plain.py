"""Values as the journal gives them back, so that a value in memory and the same value read again are one.

The journal is ``jsonb``: it keeps numbers as decimals and sorts the keys of objects. What comes back differs from what
went in for some of them, and so would a fingerprint, a text or a comparison. So a value takes the shape it would come
back in at the moment it is recorded:

- A whole number that fits 64 bits (from -2^63 to 2^64 - 1) stays what it is, beyond 2^53 too. Beyond that it becomes
  the nearest double, as in every other reader of JSON.
- A double from 1e16 on that fits those 64 bits becomes the whole number that its shortest decimals say (and which
  is the same double again). Negative zero becomes zero.
- Keys of objects are text, in PostgreSQL's order.
- NaN, infinity, U+0000, lone surrogates and what nests too deep have no place in JSON: they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.engine.node_types import NodeFailure
from apps.engine.operations import OperationError, storable
from apps.wording import gettext as _

INT_MIN, INT_MAX = -(2**63), 2**64 - 1
# From here on JSON writers use an exponent, which the database writes out without a point.
_WHOLE_FROM, _WHOLE_BELOW = 1e16, 1e20
# What a node gives may be what it was given, in a list.
_MAX_DEPTH = 200


def plain(value: Any, levels: int = _MAX_DEPTH) -> Any:
    """``value`` as the journal gives it back; ``OperationError`` for what it cannot keep, TypeError for no JSON."""
    kind = type(value)
    if kind is bool or value is None:
        return value
    if kind is str:
        if not value.isascii() or "\0" in value:
            storable(value)
        return value
    if kind is int or kind is float:
        return _number(value)
    if not levels:
        storable([], 0)  # refuses it, in its words
    if isinstance(value, Mapping):
        pairs = [(_key(name), plain(one, levels - 1)) for name, one in value.items()]
        return dict(sorted(pairs, key=_place)) if len(pairs) > 1 else dict(pairs)
    if isinstance(value, list | tuple):
        return [plain(one, levels - 1) for one in value]
    for base in (bool, str, int, float):
        if isinstance(value, base):
            return plain(base(value), levels)
    raise TypeError(f"{kind.__name__} cannot be written as JSON")


def _number(value: float) -> float:
    storable(value)
    if isinstance(value, int):
        return value if INT_MIN <= value <= INT_MAX else float(value)
    if value == 0:
        return 0.0
    if _WHOLE_FROM <= abs(value) < _WHOLE_BELOW:
        whole = int(Decimal(repr(value)))
        return whole if INT_MIN <= whole <= INT_MAX else value
    return value


def _key(name: Any) -> str:
    text: str = plain(name if isinstance(name, str) else str(name))
    return text


def _place(pair: tuple[str, Any]) -> tuple[int, bytes]:
    encoded = pair[0].encode()
    return len(encoded), encoded


def outputs_plain(outputs: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Outputs by port as the journal gives them back; :class:`NodeFailure` for what it cannot keep.

    ``known`` are values that have that shape already, such as the step's inputs: one that was handed on is not walked
    again.
    """
    handed = {id(value) for value in (known or {}).values()}
    found = {}
    for port, value in outputs.items():
        try:
            found[port] = value if id(value) in handed else plain(value)
        except OperationError as error:
            message = _("What it gives at %(port)s cannot be kept: %(reason)s", port=port, reason=error.detail)
            raise NodeFailure(message, code="bad-value") from error
    return found
