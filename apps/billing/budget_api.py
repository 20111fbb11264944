"""Budgets and usage over HTTP. Amounts are integer micro-credits, days and months are UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from apps.billing import budgets as door
from apps.billing.budget_list import BudgetRow, budget_json, budget_rows
from apps.billing.models import AMOUNT_MAX, BudgetPeriod, BudgetScope
from apps.billing.usage import DAYS_MAX, Range, usage_rows
from apps.common.bodies import Body, Id
from apps.common.paging import LIMIT_DEFAULT, list_page
from apps.common.problems import Problem, not_found
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["billing"])
read = api_auth("read")
write = api_auth("billing:write")


class BudgetIn(Body):
    """A new budget. ``target`` names the project, member (their user id), workflow or token; else it is left out."""

    scope: Literal["workspace", "project", "member", "workflow", "token", "run"]
    target: Id | None = None
    period: Literal["day", "month", "total"]
    limit: int = Field(ge=1, le=AMOUNT_MAX)
    alerts: list[int] = Field(default=[50, 80, 100], max_length=10)


class BudgetChange(Body):
    """What to change; what is left out stays. ``active: false`` pauses."""

    limit: int | None = Field(default=None, ge=1, le=AMOUNT_MAX)
    alerts: list[int] | None = Field(default=None, max_length=10)
    active: bool | None = None


class BudgetOut(Schema):
    """A budget and how it stands in its period.

    Of one for each run, `used` is the most that one run cost in 30 days, and `left` what each new run may cost.
    """

    id: UUID
    scope: BudgetScope
    target: UUID | None
    title: str
    period: BudgetPeriod
    limit: int
    used: int
    held: int
    left: int
    alerts: list[int]
    active: bool
    period_start: date | None
    renews_on: date | None
    created_at: datetime


class BudgetPage(Schema):
    items: list[BudgetOut]
    next: str | None


class UsageOut(Schema):
    """What one subject cost. `key` is a day, an id or a model; "" is what belongs to none."""

    key: str
    name: str
    amount: int
    charges: int


class UsagePage(Schema):
    """The newest day first, else the dearest first. `total` is that of the whole range."""

    by: str
    since: date
    until: date
    total: int
    items: list[UsageOut]
    next: str | None


@router.get("/budgets", auth=read, response=BudgetPage)
def budget_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """Every budget, the oldest first."""
    items = [{**budget_json(row), "key": str(row.budget.id)} for row in budget_rows(request.workspace.id, _now())]
    found, following = list_page(items, key="key", limit=limit, cursor=cursor)
    return {"items": found, "next": following}


@router.post("/budgets", auth=write, response={201: BudgetOut})
def budget_create(request: ApiRequest, body: BudgetIn) -> Status[Any]:
    """Set a budget (admins). It holds at once, and counts what its period has seen already."""
    with _refusals():
        made = door.budget_create(
            workspace_id=request.workspace.id,
            scope=body.scope,
            target_id=body.target,
            period=body.period,
            limit=body.limit,
            alerts=body.alerts,
            actor_id=request.user.id,
        )
    return Status(201, budget_json(_row(request, made.id)))


@router.get("/budgets/{budget_id}", auth=read, response=BudgetOut)
def budget_get(request: ApiRequest, budget_id: UUID) -> dict[str, Any]:
    """A budget."""
    return budget_json(_row(request, budget_id))


@router.patch("/budgets/{budget_id}", auth=write, response=BudgetOut)
def budget_update(request: ApiRequest, budget_id: UUID, body: BudgetChange) -> dict[str, Any]:
    """Another limit, other percentages, pause or go on (admins)."""
    with _refusals():
        door.budget_update(workspace_id=request.workspace.id, budget_id=budget_id, **body.model_dump())
    return budget_json(_row(request, budget_id))


@router.delete("/budgets/{budget_id}", auth=write, response={204: None})
def budget_remove(request: ApiRequest, budget_id: UUID) -> Status[None]:
    """Take a budget away (admins)."""
    with _refusals():
        door.budget_remove(workspace_id=request.workspace.id, budget_id=budget_id)
    return Status(204, None)


@router.get("/usage", auth=read, response=UsagePage)
def usage_list(
    request: ApiRequest,
    by: Literal["day", "project", "member", "model", "workflow", "token"] = "day",
    since: date | None = None,
    until: date | None = None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:
    """What was spent, told apart; the last 30 days unless `since` and `until` (both included) say otherwise."""
    days = _range(since, until)
    rows = usage_rows(request.workspace.id, by, days)
    items = [{"key": row.key, "name": row.name, "amount": row.amount, "charges": row.charges} for row in rows]
    found, following = list_page(items, key="key", limit=limit, cursor=cursor)
    total = sum(row.amount for row in rows)
    return {"by": by, "since": days.since, "until": days.until, "total": total, "items": found, "next": following}


def _range(since: date | None, until: date | None) -> Range:
    last = until or max(since or date.min, _now().astimezone(UTC).date())
    first = since or date.fromordinal(max(1, last.toordinal() - 29))
    if first > last or last - first >= timedelta(days=DAYS_MAX):
        detail = _("`since` must not lie after `until`, and at most %(days)s days before.") % {"days": DAYS_MAX}
        raise Problem("bad-range", 422, _("Bad range"), detail)
    return Range(first, last)


def _now() -> datetime:
    return timezone.now()


def _row(request: ApiRequest, budget_id: UUID) -> BudgetRow:
    found = [row for row in budget_rows(request.workspace.id, _now()) if row.budget.id == budget_id]
    if not found:
        raise not_found()
    return found[0]


@contextmanager
def _refusals() -> Iterator[None]:
    """The door's refusals as problem documents."""
    try:
        yield
    except door.BudgetMissing as error:
        raise not_found() from error
    except door.BudgetExists as error:
        extra = {"budget": str(error.budget_id)}
        raise Problem("budget-exists", 409, _("There is such a budget"), str(error), **extra) from error
    except door.BudgetInvalid as error:
        fields = [{"field": error.field, "message": str(error)}]
        raise Problem("invalid-budget", 422, _("Invalid request"), str(error), fields=fields) from error
