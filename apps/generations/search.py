"""What is asked of the tape as terms of its index, and the look-up itself.

A term is a letter that says what it tells of, and the value: `wlighthouse`, `msandbox/image`, `r4`. Before each stands
a mark that the database replaces by the window it looks through. `docs/decisions/0031-search.md` tells why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

# Stands for the window in a term. No text of ours has it: what people send is cleaned of it.
MARK = "\x01"
TERM_MAX = 200
WORDS_MAX = 24
# A thousandth of a credit, in micro-credits: costs are told apart by powers of two of it, and eighths of those.
COST_STEP = 1000
COST_MAX = 10**15
_CONTROL = dict.fromkeys(range(32), " ")
_LAST_ID = UUID(int=2**128 - 1)
EVER = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))


@dataclass(frozen=True)
class Found:
    """A generation that matches, and when it was made: together they are a cursor."""

    id: UUID
    at: datetime


def term(letter: str, value: object, *, prefix: bool = False) -> str:
    """One term, as a `tsquery` spells it."""
    text = str(value).translate(_CONTROL)[:TERM_MAX].replace("\\", "\\\\").replace("'", "''")
    return f"'{MARK}{letter}{text}'" + (":*" if prefix else "")


def either(terms: Iterable[str]) -> str:
    """Any of the terms."""
    found = list(terms)
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def cost_terms(low: int, high: int) -> str:
    """Costs from about ``low`` to about ``high`` micro-credits; what is a little outside is left out by the search."""
    first, last = low // COST_STEP + 1, high // COST_STEP + 1
    begin, end = first.bit_length(), last.bit_length()
    found = []
    for octave in range(begin, end + 1):
        eighths = range(_eighth(first) if octave == begin else 8, (_eighth(last) if octave == end else 15) + 1)
        whole = len(eighths) == 8
        found += [term("o", octave)] if whole else [term("f", f"{octave}.{eighth}") for eighth in eighths]
    return either(found)


def _eighth(number: int) -> int:
    """The first four binary digits: 8 to 15."""
    length = number.bit_length()
    return number >> (length - 4) if length > 4 else number << (4 - length)


def word_terms(said: str) -> list[str]:
    """Each word must be there; the last may be unfinished. Signs count for nothing."""
    clean = said.translate(_CONTROL)
    head, _space, tail = clean.rpartition(" ")
    with connection.cursor() as cursor:
        cursor.execute("SELECT generations_words(%s), generations_words(%s)", [head, tail])
        whole, begun = cursor.fetchone()
    words = {word: _single(word) for word in whole} | dict.fromkeys(begun, True)
    return [term("w", word, prefix=prefix) for word, prefix in list(words.items())[:WORDS_MAX]]


def _single(word: str) -> bool:
    """A lone character of a script without spaces: stored as the beginning of a pair."""
    return len(word) == 1 and word > "\u2e7f"


def search(
    workspace_id: UUID,
    terms: list[str],
    *,
    cost: tuple[int, int] = (0, COST_MAX),
    since: datetime | None = None,
    until: datetime | None = None,
    after: Found | None = None,
    most: int,
) -> list[Found]:
    """The newest generations with all of ``terms``, from ``since`` to before ``until``, older than ``after``."""
    last = after or Found(_LAST_ID, EVER[1])
    when = (since or EVER[0], until or EVER[1])
    values: list[Any] = [workspace_id, " & ".join(terms), *cost, *when, last.at, last.id, most]
    with connection.cursor() as cursor:
        cursor.execute("SELECT found_id, found_at FROM generations_search(%s, %s, %s, %s, %s, %s, %s, %s, %s)", values)
        return [Found(*row) for row in cursor.fetchall()]
