"""Sentences for people, from code that knows no Django: in English until the site gives its translation.

``from apps.wording import gettext as _`` and then ``_("Connect something to %(port)s.", port=title)``. Whoever serves
people calls :func:`speak` once at start-up; each call then answers in the language that is active at that moment.
"""

from __future__ import annotations

from collections.abc import Callable

_one: Callable[[str], str] = str
_many: Callable[[str, str, int], str] | None = None


def speak(one: Callable[[str], str], many: Callable[[str, str, int], str]) -> None:
    """Translate from now on with these: a gettext and an ngettext."""
    global _one, _many
    _one, _many = one, many


def gettext(message: str, **parts: object) -> str:
    """The message in the active language, its ``%(name)s`` filled from ``parts``. Empty stays empty."""
    text = _one(message) if message else ""
    return text % parts if parts else text


def gettext_noop(message: str) -> str:
    """Mark a message that is translated later, where it is used."""
    return message


def ngettext(one: str, many: str, count: int, **parts: object) -> str:
    """The message for so many of something; ``%(count)s`` is filled with the number, grouped by thousands."""
    chosen = _many(one, many, count) if _many else (one if count == 1 else many)
    return chosen % {"count": f"{count:,}", **parts}
