"""Reading the tape: which generations, newest first, for the page and the API alike."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from apps.assets.palette import colours_near
from apps.common.paging import bad_cursor, cursor_decode, cursor_encode, keyset_page, limit_check
from apps.generations.models import LIVE, Generation
from apps.generations.search import COST_MAX, Found, cost_terms, either, search, term, word_terms

KINDS = ("image", "video", "audio", "text")
CREDIT = 1_000_000
# So many unfinished ones are looked at one by one when a single unfinished state is asked for.
LIVE_LOOKED_AT = 2000
STARS = 5


@dataclass(frozen=True)
class TapeFilter:
    """What to show; an empty value shows all. ``state`` is one state, or ``live`` for everything unfinished.

    ``rating`` is the fewest stars, 0 those without any. Costs are in credits, ``colour`` is ``#rrggbb``; ``since`` and
    ``until`` are moments, the second one excluded.
    """

    q: str = ""
    model: str = ""
    kind: str = ""
    state: str = ""
    project: UUID | None = None
    run: UUID | None = None
    node: str = ""
    seed: int | None = None
    cost_min: Decimal | None = None
    cost_max: Decimal | None = None
    rating: int | None = None
    tags: tuple[str, ...] = ()
    colour: str = ""
    since: datetime | None = None
    until: datetime | None = None
    board: UUID | None = None

    def terms(self) -> list[str]:
        """What must be true of a row, as terms of the index; dates and one unfinished state are not among it."""
        plain: dict[str, Any] = {"k": self.kind, "m": self.model, "p": self.project, "u": self.run, "n": self.node}
        plain |= {"b": self.board, "e": self.seed, "s": "live" if self.state in LIVE else self.state}
        found = [term(letter, value) for letter, value in plain.items() if value not in (None, "")]
        found += [term("t", tag) for tag in self.tags]
        if self.rating is not None:
            stars = (0,) if self.rating == 0 else range(self.rating, STARS + 1)
            found.append(either(term("r", star) for star in stars))
        if self.cost_min is not None or self.cost_max is not None:
            found.append(cost_terms(*self._cost()))
        if self.colour:
            found.append(either(term("c", entry) for entry in colours_near(self.colour)))
        # A search for signs alone is a search for what no prompt is found by.
        return found + (word_terms(self.q) or [term("w", "")]) if self.q else found

    def page(
        self, rows: QuerySet[Generation], workspace_id: UUID, *, limit: int, cursor: str | None
    ) -> tuple[list[Generation], str | None]:
        """One page of those among ``rows`` that match, and the next one's cursor. Raises Problem as keyset pages do."""
        limit_check(limit)
        terms = self.terms()
        if not terms:
            return keyset_page(self._dated(rows), limit=limit, cursor=cursor)
        if self.state in LIVE:
            return keyset_page(self._one_live_state(rows, workspace_id, terms), limit=limit, cursor=cursor)
        found = self._found(workspace_id, terms, after=_after(cursor), most=limit + 1)
        by_id = {row.id: row for row in rows.filter(id__in=[one.id for one in found[:limit]])}
        shown = [by_id[one.id] for one in found[:limit] if one.id in by_id]
        last = found[limit - 1] if len(found) > limit else None
        return shown, cursor_encode([last.at, last.id]) if last else None

    def newer_count(self, workspace_id: UUID, than: UUID, *, most: int) -> int:
        """How many that match are newer than the generation ``than``, up to ``most``."""
        rows = Generation.objects.for_workspace(workspace_id).filter(id__gt=than)
        # A key begins with the millisecond it was made in, and the row's own moment was taken about then.
        made = datetime.fromtimestamp((than.int >> 80) / 1000, UTC) - timedelta(seconds=1)
        terms = self.terms()
        if not terms:
            return self._dated(rows).filter(created_at__gte=made)[:most].count()
        since = max(made, self.since or made)
        found = search(workspace_id, terms, cost=self._cost(), since=since, until=self.until, most=most)
        return rows.filter(id__in=[one.id for one in found]).count()

    def _found(self, workspace_id: UUID, terms: list[str], *, after: Found | None, most: int) -> list[Found]:
        when = {"since": self.since, "until": self.until}
        return search(workspace_id, terms, cost=self._cost(), **when, after=after, most=most)

    def _cost(self) -> tuple[int, int]:
        """The range in micro-credits."""
        high = COST_MAX if self.cost_max is None else int(self.cost_max * CREDIT)
        return int((self.cost_min or 0) * CREDIT), high

    def _dated(self, rows: QuerySet[Generation]) -> QuerySet[Generation]:
        rows = rows.filter(created_at__gte=self.since) if self.since else rows
        return rows.filter(created_at__lt=self.until) if self.until else rows

    def _one_live_state(self, rows: QuerySet[Generation], workspace_id: UUID, terms: list[str]) -> QuerySet[Generation]:
        """The index knows only that they are unfinished: between those states a row moves too often to be told."""
        live = self._found(workspace_id, terms, after=None, most=LIVE_LOOKED_AT)
        return rows.filter(id__in=[one.id for one in live], state=self.state)

    def query_string(self) -> str:
        """The filter as it stands in an address; empty when nothing is filtered."""
        return urlencode(
            {field.name: _spelled(getattr(self, field.name)) for field in fields(self) if self._has(field.name)}
        )

    def _has(self, name: str) -> bool:
        return getattr(self, name) not in (None, "", ())

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return bool(self)

    def __bool__(self) -> bool:
        return any(self._has(field.name) for field in fields(self))


def _spelled(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _after(cursor: str | None) -> Found | None:
    """The row that a cursor names; raises Problem."""
    if not cursor:
        return None
    at, id_ = cursor_decode(cursor, 2)
    try:
        moment = parse_datetime(str(at))
        if moment is None or moment.tzinfo is None:
            raise bad_cursor()
        return Found(UUID(str(id_)), moment)
    except (ValueError, ValidationError) as error:
        raise bad_cursor() from error
