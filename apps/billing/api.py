"""Credits over HTTP, and who is calling. All amounts are integer micro-credits."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from ninja import Router, Schema

from apps.billing.budget_api import BudgetOut
from apps.billing.budget_list import budget_json, budget_rows
from apps.billing.models import Lot, LotPriority, TransactionKind
from apps.billing.services import balance_get
from apps.billing.statement import ORDER, LineFilter, disputed, lines, lines_told, lots_open
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["billing"])
read = api_auth("read")


class WorkspaceOut(Schema):
    id: UUID
    slug: str
    name: str


class UserOut(Schema):
    id: UUID
    email: str
    name: str


class MeOut(Schema):
    """Who is calling, for which workspace, what they may do, and what there is to spend."""

    workspace: WorkspaceOut
    user: UserOut
    role: str
    scopes: list[str]
    balance: int
    held: int


class LotOut(Schema):
    """Credits that came together, and what is left of them; nothing is left after ``expires_at``."""

    id: UUID
    kind: str
    amount: int
    remaining: int
    expires_at: datetime | None


class PartOut(Schema):
    """What a line took from a lot, or put into it."""

    lot: UUID
    kind: str
    amount: int


class CreditsOut(Schema):
    """``available`` is what can be spent: ``balance - held - owed``, and never less than nothing.

    ``disputed`` is set aside and not part of the balance. ``lots`` burn in their order. ``budgets`` are those of the
    workspace, as ``/budgets``.
    """

    balance: int
    held: int
    available: int
    owed: int
    disputed: int
    lots: list[LotOut]
    budgets: list[BudgetOut]


class PlaceOut(Schema):
    """A step. ``run`` is its own run, which may be a step of the run that was billed."""

    run: UUID
    node: str
    item: int
    attempt: int
    title: str


class EntryOut(Schema):
    """One line of the ledger. A ``release`` has the amount 0: it says what was not charged, in ``returned``.

    ``step`` spent it, ``purchase`` brought it or went back; ``url`` is the page that tells most about it.
    """

    id: UUID
    at: datetime
    kind: TransactionKind
    amount: int
    balance_after: int
    returned: int
    asked: int | None
    lots: list[PartOut]
    actor: UUID | None
    description: str
    run: UUID | None
    generation: UUID | None
    project: UUID | None
    step: PlaceOut | None
    purchase: UUID | None
    url: str


class EntriesOut(Schema):
    items: list[EntryOut]
    next: str | None


@router.get("/me", auth=read, response=MeOut, summary="Who is calling")
def me(request: ApiRequest) -> dict[str, Any]:
    """Workspace, person, role, scopes and balance."""
    balance = balance_get(workspace_id=request.workspace.id)
    user = request.user
    return {
        "workspace": request.workspace,
        "user": {"id": user.id, "email": user.email, "name": user.get_full_name()},
        "role": request.role.value,
        "scopes": sorted(request.scopes),
        "balance": balance.posted,
        "held": balance.held,
    }


@router.get("/credits", auth=read, response=CreditsOut, summary="Balance, held, budgets")
def credits_show(request: ApiRequest) -> dict[str, Any]:
    """The workspace's wallet."""
    workspace_id = request.workspace.id
    balance = balance_get(workspace_id=workspace_id)
    return {
        "balance": balance.posted,
        "held": balance.held,
        "available": balance.available,
        "owed": balance.owed,
        "disputed": disputed(workspace_id),
        "lots": [_lot(lot) for lot in lots_open(workspace_id)],
        "budgets": [budget_json(row) for row in budget_rows(workspace_id, timezone.now())],
    }


@router.get("/credits/entries", auth=read, response=EntriesOut, summary="The ledger")
def credits_entries(
    request: ApiRequest,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
    kind: TransactionKind | None = None,
    run: UUID | None = None,
) -> dict[str, Any]:
    """Lines of the ledger, the newest first."""
    rows = lines(request.workspace.id, LineFilter(kind=kind.value if kind else "", run_id=run))
    found, following = keyset_page(rows, limit=limit, cursor=cursor, order=ORDER)
    told = lines_told(request.workspace.id, found)
    return {"items": [_entry(row, request.workspace.slug) for row in told], "next": following}


def _entry(row: Any, slug: str) -> dict[str, Any]:
    made, cause = row.transaction, row.cause
    return {
        "id": row.id,
        "at": row.created_at,
        "kind": made.kind,
        "amount": row.amount,
        "balance_after": row.balance_after,
        "returned": made.returned,
        "asked": made.asked,
        "lots": [{"lot": part.lot_id, "kind": _kind(part.lot), "amount": part.amount} for part in made.lots.all()],
        "actor": made.actor_id,
        "description": made.description,
        "run": made.run_id,
        "generation": made.generation_id,
        "project": made.project_id,
        "step": cause.place,
        "purchase": cause.purchase and cause.purchase.id,
        "url": cause.url(slug),
    }


def _lot(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.id,
        "kind": _kind(lot),
        "amount": lot.amount,
        "remaining": lot.remaining,
        "expires_at": lot.expires_at,
    }


def _kind(lot: Lot) -> str:
    return LotPriority(lot.priority).name.lower()
