"""Lists inside of sentences, with the separators of the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from django.utils.translation import pgettext


def listed(parts: Iterable[str]) -> str:
    """ "ada, bob, editor": things of a kind."""
    return _joined(pgettext("list", "%(before)s, %(last)s"), parts)


def clauses(parts: Iterable[str]) -> str:
    """ "`prompt` changed; `seed` is new": statements that stand side by side."""
    return _joined(pgettext("statements", "%(before)s; %(last)s"), parts)


def _joined(pair: str, parts: Iterable[str]) -> str:
    found = list(parts)
    return reduce(lambda before, last: pair % {"before": before, "last": last}, found) if found else ""
