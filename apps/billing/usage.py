"""What was spent in a range of days, told apart by day, project, member, model, workflow or token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.billing.models import Spending, SpendingKind
from apps.billing.statement import cell, decimal
from apps.billing.subjects import subject_names

# By what usage is told, and what each is called.
BY = {
    "day": gettext_lazy("Day"),
    "project": gettext_lazy("Project"),
    "member": gettext_lazy("Member"),
    "model": gettext_lazy("Model"),
    "workflow": gettext_lazy("Workflow"),
    "token": gettext_lazy("API token"),
}
# So many subjects have a colour of their own in the chart, and so many a row in the table; the rest is one.
SERIES = 6
ROWS = 100
DAYS_MAX = 366


@dataclass(frozen=True)
class Range:
    """Days, both included, UTC."""

    since: date
    until: date

    @property
    def days(self) -> list[date]:
        """Each day, the first first."""
        return [self.since + timedelta(days=number) for number in range((self.until - self.since).days + 1)]


@dataclass(frozen=True)
class UsageRow:
    """What one subject (or day) cost, micro-credits; ``key`` is an id, a model's name, a day, or "" for none."""

    key: str
    name: str
    amount: int
    charges: int
    day: date | None = None


@dataclass(frozen=True)
class Usage:
    """A range told apart. ``rows`` have the most first (days: the newest); ``daily`` is by day and by key."""

    by: str
    range: Range
    total: int
    charges: int
    rows: list[UsageRow]
    daily: dict[date, dict[str, int]]

    @property
    def by_title(self) -> str:
        """What it is told apart by, in words."""
        return str(BY[self.by])


def usage_rows(workspace_id: UUID, by: str, days: Range) -> list[UsageRow]:
    """One row per subject or day that cost anything, in two queries."""
    rows = _spending(workspace_id, by, days)
    if by == "day":
        by_day = rows.order_by("-day").values_list("day", "amount", "charges")
        return [UsageRow(day.isoformat(), day.isoformat(), amount, charges, day) for day, amount, charges in by_day]
    sums = rows.values("subject").annotate(total=Sum("amount"), count=Sum("charges")).order_by("-total", "subject")
    found = list(sums.values_list("subject", "total", "count"))
    names = subject_names(workspace_id, by, [key for key, _total, _count in found])
    return [UsageRow(key, names[key], int(total), int(count)) for key, total, count in found]


def usage_get(workspace_id: UUID, by: str, days: Range) -> Usage:
    """The whole of it, for the page: rows, and per day those with the most."""
    rows = usage_rows(workspace_id, by, days)
    daily: dict[date, dict[str, int]] = {}
    keys = [""] if by == "day" else [row.key for row in rows[:SERIES]]
    parts = _spending(workspace_id, by, days).filter(subject__in=keys)
    for day, key, amount in parts.values_list("day", "subject", "amount"):
        daily.setdefault(day, {})[key] = amount
    if by != "day" and len(rows) > SERIES:
        for day, amount in _spending(workspace_id, "day", days).values_list("day", "amount"):
            parts_of = daily.setdefault(day, {})
            parts_of[OTHERS] = amount - sum(parts_of.values())
    total, charges = sum(row.amount for row in rows), sum(row.charges for row in rows)
    return Usage(by, days, total, charges, rows, daily)


# A key that no subject has.
OTHERS = "…"


def usage_csv_rows(workspace_id: UUID, by: str, days: Range) -> Iterator[list[str]]:
    """A head, and a row per day and subject, for a spreadsheet: amounts in credits."""
    yield [_("Day (UTC)"), str(BY[by]), _("Id"), _("Credits"), _("Charges")]
    named = {row.key: row.name for row in usage_rows(workspace_id, by, days)} if by != "day" else {"": ""}
    rows = _spending(workspace_id, by, days).order_by("day", "subject")
    for day, key, amount, charges in rows.values_list("day", "subject", "amount", "charges").iterator(chunk_size=1000):
        yield [day.isoformat(), cell(named.get(key, key)), cell(key), decimal(amount), str(charges)]


def _spending(workspace_id: UUID, by: str, days: Range) -> QuerySet[Any]:
    kind = SpendingKind.WORKSPACE if by == "day" else SpendingKind(by)
    rows = Spending.objects.for_workspace(workspace_id).filter(kind=kind)
    return rows.filter(day__gte=days.since, day__lte=days.until)
