"""JSON written fast: for what is written by the thousand."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson


def json_bytes(value: Any, *, ordered: bool = False) -> bytes:
    """``value`` as compact UTF-8 JSON, moments as RFC 3339; ``ordered`` sorts keys.

    orjson refuses whole numbers beyond 64 bits and lone surrogates; the standard library writes those.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if ordered else None)
    except TypeError:
        return json.dumps(value, sort_keys=ordered, separators=(",", ":"), default=_moment).encode()


def json_read(text: str) -> Any:
    """JSON that the database wrote: whole numbers beyond 64 bits are doubles, as where values are recorded.

    :mod:`apps.engine.plain` says why.
    """
    return orjson.loads(text)


def json_text(value: Any) -> str:
    """``value`` as compact JSON."""
    return json_bytes(value).decode()


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
