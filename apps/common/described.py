"""Texts of the catalogues of nodes and models, plain Python that knows no gettext: found and translated here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext

SAID = frozenset({"title", "description"})
SAID_LISTS = frozenset({"x-enum-titles"})


def texts_of(value: Any) -> Iterator[str]:
    """Every text for people in a catalogue's JSON."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in SAID and isinstance(part, str):
                yield part
            elif key in SAID_LISTS and isinstance(part, list):
                yield from (text for text in part if isinstance(text, str))
            else:
                yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def described(value: Any) -> Any:
    """The same JSON with its texts in the reader's language."""
    if isinstance(value, dict):
        return {key: _part(key, part) for key, part in value.items()}
    return [described(part) for part in value] if isinstance(value, list) else value


def _part(key: str, part: Any) -> Any:
    if key in SAID and isinstance(part, str):
        return gettext(part) if part else part
    if key in SAID_LISTS and isinstance(part, list):
        return [gettext(text) if isinstance(text, str) and text else text for text in part]
    return described(part)
