"""The ledger as its owner reads it: one line per transaction, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Case, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.causes import causes, places
from apps.billing.models import BURN_ORDER, Account, AccountKind, Entry, Hold, HoldState, Lot, LotEntry, TransactionKind
from apps.common.money import MICRO
from apps.common.tenancy import Reader, current_reader, scope
from apps.workspaces.models import Membership, Workspace

ORDER = ("-seq",)
HOLDS_SHOWN = 20
LOTS_SHOWN = 50
SPENT_DAYS = 30
CHUNK = 1000


@dataclass(frozen=True)
class LineFilter:
    """What to show; empty fields show everything. Days are whole days of the current time zone, both included."""

    kind: str = ""
    words: str = ""
    run_id: UUID | None = None
    since: date | None = None
    until: date | None = None


def lines(workspace_id: UUID, chosen: LineFilter) -> QuerySet[Entry]:
    """The wallet's entries with their transactions and lots, and ``by``: the address of the member who did it.

    Order them by ``ORDER``: ``seq`` has no gaps.
    """
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
    who = Membership.objects.filter(workspace=workspace_id, user=OuterRef("transaction__actor_id"))
    parts = LotEntry.objects.for_workspace(workspace_id).select_related("lot").order_by("lot__priority", "lot_id")
    # What private projects of others spent is counted, and not told.
    hidden = Value(False) if reader is None else Case(When(seen, then=Value(False)), default=Value(True))
    return (
        rows.select_related("transaction")
        .annotate(by=Subquery(who.values("user__email")[:1]), hidden=hidden)
        .prefetch_related(Prefetch("transaction__lots", queryset=parts))
    )


def line_told(line: Any) -> Entry:
    """A line of :func:`lines` as its reader may know it: of a private project's only when and how much."""
    if line.hidden:
        made = line.transaction
        made.description, made.run_id, made.generation_id, made.project_id = _("In a private project"), None, None, None
        made.actor_id, made.source_id, line.by = None, "", None
    told: Entry = line
    return told


def lines_told(workspace_id: UUID, found: Iterable[Any]) -> list[Any]:
    """Lines of :func:`lines` as their reader may know them, each with its ``cause``. Ask inside of the scope."""
    told: list[Any] = [line_told(line) for line in found]
    known = causes(workspace_id, [line.transaction for line in told])
    for line in told:
        line.cause = known[line.transaction_id]
    return told


def spent_lately(workspace_id: UUID, now: datetime) -> int:
    """Micro-credits charged in the last 30 days."""
    rows = Entry.objects.for_workspace(workspace_id).filter(
        transaction__kind=TransactionKind.CAPTURE, seq__isnull=False, created_at__gte=now - timedelta(days=SPENT_DAYS)
    )
    return -(rows.aggregate(total=Sum("amount"))["total"] or 0)


def limit_suggested(workspace_id: UUID, now: datetime) -> int:
    """Credits a month that leave room: half as much again as the last 30 days cost, rounded up; 100 for a newcomer."""
    wanted = -(-spent_lately(workspace_id, now) * 3 // (2 * MICRO))
    size = 10 ** max(0, len(str(wanted)) - 2)
    return -(-wanted // size) * size if wanted else 100


def holds_open(workspace_id: UUID) -> list[Any]:
    """What is held at this moment for what the reader sees, the newest first, with its ``place``; at most 20."""
    rows = Hold.objects.for_workspace(workspace_id).filter(state=HoldState.OPEN, amount__gt=0)
    reader = current_reader()
    rows = rows if reader is None else rows.filter(reader.seen("project_id"))
    holds: list[Any] = list(rows.order_by("-created_at", "-id")[:HOLDS_SHOWN])
    found = places(workspace_id, {hold.generation_id for hold in holds if hold.generation_id})
    for hold in holds:
        hold.place = found.get(hold.generation_id)
    return holds


def lots_open(workspace_id: UUID) -> list[Lot]:
    """What is left of which credits, in the order in which they burn; at most 50."""
    rows = Lot.objects.for_workspace(workspace_id).filter(is_open=True)
    return list(rows.order_by(*BURN_ORDER)[:LOTS_SHOWN])


def disputed(workspace_id: UUID) -> int:
    """Micro-credits set aside because a payment is contested."""
    rows = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.DISPUTED)
    return rows.values_list("posted", flat=True).first() or 0


def paid_from(line: Entry) -> list[tuple[str, int]]:
    """What a line took from granted, plan and bought credits, or put there: kind and micro-credits, as they burn."""
    sums: dict[str, int] = {}
    for part in line.transaction.lots.all():
        kind = str(part.lot.get_priority_display())
        sums[kind] = sums.get(kind, 0) + part.amount
    return list(sums.items())


def csv_rows(workspace: Workspace, chosen: LineFilter) -> Iterator[list[str]]:
    """A head and a row per line, for a spreadsheet: amounts in credits, times in UTC. Ask inside of the scope."""
    return _csv_rows(workspace, lines(workspace.id, chosen).order_by(*ORDER), current_reader())


def _csv_rows(workspace: Workspace, rows: QuerySet[Entry], reader: Reader | None) -> Iterator[list[str]]:
    yield csv_head()
    found = rows.iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        # A file is streamed when the request's own scope is over.
        with scope(workspace.id, reader):
            told = [csv_row(line, workspace.slug) for line in lines_told(workspace.id, chunk)]
        yield from told


def csv_head() -> list[str]:
    """The columns of :func:`csv_row`. New ones come last: people have built upon the order."""
    return [
        _("Number"),
        _("Time (UTC)"),
        _("Kind"),
        _("Description"),
        _("Credits"),
        _("Balance after"),
        _("Run"),
        _("Generation"),
        _("Project"),
        _("Came back"),
        _("Credits used"),
        _("By"),
        _("Source"),
        _("Step"),
        _("Node"),
        _("Item"),
        _("Purchase"),
        _("Address"),
    ]


def csv_row(line: Any, slug: str) -> list[str]:
    """One line with its cause."""
    made, cause = line.transaction, line.cause
    place, purchase = cause.place, cause.purchase
    return [
        str(line.seq),
        line.created_at.isoformat(),
        made.get_kind_display(),
        cell(made.description),
        decimal(line.amount),
        decimal(line.balance_after or 0),
        str(made.run_id or ""),
        str(made.generation_id or ""),
        str(made.project_id or ""),
        decimal(made.returned),
        ", ".join(f"{kind} {decimal(amount)}" for kind, amount in paid_from(line)),
        cell(line.by or ""),
        cell(f"{made.source} {made.source_id}"),
        cell(place.title) if place else "",
        cell(place.node) if place else "",
        str(place.item) if place else "",
        str(purchase.id) if purchase else "",
        cause.url(slug),
    ]


def decimal(micro: int) -> str:
    """Micro-credits as credits with all six decimals, for a spreadsheet."""
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), MICRO)
    return f"{sign}{whole}.{rest:06d}"


def cell(text: str) -> str:
    """A prompt may begin like a formula; a quote keeps the spreadsheet from running it."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
