"""The ledger as its owner reads it: one line per transaction, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Sum, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.models import Account, AccountKind, Entry, Hold, HoldState, TransactionKind
from apps.common.money import MICRO
from apps.common.tenancy import current_reader

ORDER = ("-seq",)
HOLDS_SHOWN = 20
SPENT_DAYS = 30


@dataclass(frozen=True)
class LineFilter:
    """What to show; empty fields show everything. Days are whole days of the current time zone, both included."""

    kind: str = ""
    words: str = ""
    run_id: UUID | None = None
    since: date | None = None
    until: date | None = None


def lines(workspace_id: UUID, chosen: LineFilter) -> QuerySet[Entry]:
    """The wallet's entries with their transactions. Order them by ``ORDER``: ``seq`` has no gaps."""
    wallet = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.WALLET).values("id")[:1]
    rows: QuerySet[Entry] = Entry.objects.for_workspace(workspace_id).filter(account=wallet)
    if chosen.kind:
        rows = rows.filter(transaction__kind=chosen.kind)
    reader = current_reader()
    seen = Q() if reader is None else reader.seen("transaction__project_id")
    if chosen.words:
        rows = rows.filter(seen, transaction__description__icontains=chosen.words)
    if chosen.run_id:
        rows = rows.filter(seen, transaction__run_id=chosen.run_id)
    if chosen.since:
        rows = rows.filter(created_at__gte=_midnight(chosen.since))
    if chosen.until:
        rows = rows.filter(created_at__lt=_midnight(chosen.until + timedelta(days=1)))
    # What private projects of others spent is counted, and not told.
    hidden = Value(False) if reader is None else Case(When(seen, then=Value(False)), default=Value(True))
    return rows.select_related("transaction").annotate(hidden=hidden)


def line_told(line: Any) -> Entry:
    """A line of :func:`lines` as its reader may know it: of a private project's only when and how much."""
    if line.hidden:
        made = line.transaction
        made.description, made.run_id, made.generation_id, made.project_id = _("In a private project"), None, None, None
    told: Entry = line
    return told


def spent_lately(workspace_id: UUID, now: datetime) -> int:
    """Micro-credits charged in the last 30 days."""
    rows = Entry.objects.for_workspace(workspace_id).filter(
        transaction__kind=TransactionKind.CAPTURE, seq__isnull=False, created_at__gte=now - timedelta(days=SPENT_DAYS)
    )
    return -(rows.aggregate(total=Sum("amount"))["total"] or 0)


def holds_open(workspace_id: UUID) -> list[Hold]:
    """What is held at this moment for what the reader sees, the newest first; at most 20."""
    rows = Hold.objects.for_workspace(workspace_id).filter(state=HoldState.OPEN, amount__gt=0)
    reader = current_reader()
    rows = rows if reader is None else rows.filter(reader.seen("project_id"))
    return list(rows.order_by("-created_at", "-id")[:HOLDS_SHOWN])


def csv_rows(rows: QuerySet[Entry]) -> Iterator[list[str]]:
    """A head and a row per line, for a spreadsheet: amounts in credits, times in UTC."""
    yield [
        _("Number"),
        _("Time (UTC)"),
        _("Kind"),
        _("Description"),
        _("Credits"),
        _("Balance after"),
        _("Run"),
        _("Generation"),
    ]
    for line in rows.order_by(*ORDER).iterator(chunk_size=1000):
        made = line_told(line).transaction
        yield [
            str(line.seq),
            line.created_at.isoformat(),
            made.get_kind_display(),
            _cell(made.description),
            _decimal(line.amount),
            _decimal(line.balance_after or 0),
            str(made.run_id or ""),
            str(made.generation_id or ""),
        ]


def _decimal(micro: int) -> str:
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), MICRO)
    return f"{sign}{whole}.{rest:06d}"


def _cell(text: str) -> str:
    """A prompt may begin like a formula; a quote keeps the spreadsheet from running it."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
