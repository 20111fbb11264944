"""Keyset paging: a cursor is the last row's sort values, so a page costs the same at any depth."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from apps.common.problems import Problem

LIMIT_DEFAULT = 50
LIMIT_MAX = 1000
RETURN_MAX = 480
M = TypeVar("M", bound=Model)


def cursor_encode(values: list[Any]) -> str:
    """An opaque cursor from JSON-able values, datetimes and UUIDs."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, default=str).encode()).decode().rstrip("=")


def bad_cursor() -> Problem:
    """The refusal of a cursor that this list did not hand out."""
    return Problem("bad-cursor", 422, _("Bad cursor"), _("Use the `next` value of the previous page as `cursor`."))


def cursor_decode(cursor: str, length: int) -> list[Any]:
    """The values of a cursor; Problem 422 when it is not one of ours."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != length:
        raise bad_cursor()
    return values


def limit_check(limit: int) -> int:
    """The page size, 1 to 1,000; Problem 422 outside."""
    if not 1 <= limit <= LIMIT_MAX:
        raise Problem("bad-limit", 422, _("Bad limit"), _("`limit` must lie between 1 and 1,000."))
    return limit


def page_size(asked: str, usual: int) -> int:
    """How many items a page's list gives: as usual, or what a page that is returned to asks for, up to 480."""
    return min(int(asked), RETURN_MAX) if asked.isdecimal() and 0 < len(asked) < 5 and int(asked) else usual


def list_page(
    items: list[dict[str, Any]], *, key: str, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of a list that is in memory and whose order is its own; ``key`` names what tells its items apart."""
    limit_check(limit)
    start = 0
    if cursor:
        keys = [item[key] for item in items]
        last = cursor_decode(cursor, 1)[0]
        if last not in keys:
            raise bad_cursor()
        start = keys.index(last) + 1
    page = items[start : start + limit]
    return page, cursor_encode([page[-1][key]]) if start + limit < len(items) else None


def keyset_page(
    queryset: QuerySet[M], *, limit: int, cursor: str | None, order: tuple[str, ...] = ("-created_at", "-id")
) -> tuple[list[M], str | None]:
    """One page of ``queryset`` in ``order`` (all ascending or all descending) and the cursor of the next, or None."""
    limit_check(limit)
    names = [name.lstrip("-") for name in order]
    comparison = "lt" if order[0].startswith("-") else "gt"
    if cursor:
        values = cursor_decode(cursor, len(names))
        after = Q()
        for index, name in enumerate(names):
            same = {names[i]: values[i] for i in range(index)}
            after |= Q(**same, **{f"{name}__{comparison}": values[index]})
        try:
            # The first column's bound is implied, but only said alone does it let the index begin at the cursor.
            queryset = queryset.filter(after, **{f"{names[0]}__{comparison}e": values[0]})
        except (TypeError, ValueError, ValidationError) as error:  # well-formed, but of other columns than these
            raise bad_cursor() from error
    rows = list(queryset.order_by(*order)[: limit + 1])
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_encode([getattr(rows[limit - 1], name) for name in names])
