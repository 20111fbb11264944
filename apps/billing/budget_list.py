"""Budgets as the page and the API show them: named, with what is used, held and left."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Sum

from apps.billing.models import Budget, BudgetPeriod, BudgetScope, Spending, SpendingKind
from apps.billing.standing import Standing, period_end, standings
from apps.billing.subjects import budget_title, subject_names

RUN_DAYS = 30


@dataclass(frozen=True)
class BudgetRow:
    """A budget with its standing. Of one for each run, ``used`` is the most that one run cost in 30 days."""

    budget: Budget
    title: str
    name: str
    standing: Standing
    renews: date | None

    @property
    def of_runs(self) -> bool:
        """Whether it is for each run by itself, so that nothing adds up."""
        return bool(self.budget.scope == BudgetScope.RUN)

    @property
    def used_share(self) -> float:
        """How much of the bar is used, 0 to 1."""
        return min(1.0, self.standing.used / self.budget.limit)

    @property
    def held_share(self) -> float:
        """How much of the bar beside it is held."""
        return min(1.0 - self.used_share, self.standing.held / self.budget.limit)

    @property
    def state(self) -> str:
        """``paused``, ``full`` (nothing left), ``near`` (a percentage to tell of was reached) or ``well``."""
        if not self.budget.active:
            return "paused"
        if self.of_runs:
            return "well"
        reached = any(self.standing.percent >= percent for percent in self.budget.alerts)
        return "full" if not self.standing.left else "near" if reached else "well"


def budget_rows(workspace_id: UUID, now: datetime) -> list[BudgetRow]:
    """Every budget of a workspace, the oldest first; a query per kind of thing that is named."""
    found = standings(workspace_id, now)
    wanted: dict[str, list[str]] = defaultdict(list)
    for standing in found:
        if standing.budget.target_id:
            wanted[standing.budget.scope].append(str(standing.budget.target_id))
    names = {scope: subject_names(workspace_id, scope, keys) for scope, keys in wanted.items()}
    return [_row(standing, names, now) for standing in found]


def _row(standing: Standing, names: dict[str, dict[str, str]], now: datetime) -> BudgetRow:
    budget = standing.budget
    if budget.scope == BudgetScope.RUN:
        standing = replace(standing, used=_most_of_a_run(budget.workspace_id, now))
    name = names.get(budget.scope, {}).get(str(budget.target_id), "")
    return BudgetRow(budget, budget_title(budget, name), name, standing, period_end(budget.period, now))


def _most_of_a_run(workspace_id: UUID, now: datetime) -> int:
    rows = Spending.objects.for_workspace(workspace_id).filter(
        kind=SpendingKind.RUN, day__gte=now.date() - timedelta(days=RUN_DAYS)
    )
    sums = rows.values("subject").annotate(total=Sum("amount")).order_by("-total")
    return int(sums.values_list("total", flat=True).first() or 0)


def budget_json(row: BudgetRow) -> dict[str, Any]:
    """A budget as the API shows it; amounts in micro-credits."""
    budget, standing = row.budget, row.standing
    total = budget.period == BudgetPeriod.TOTAL
    return {
        "id": budget.id,
        "scope": budget.scope,
        "target": budget.target_id,
        "period": budget.period,
        "limit": budget.limit,
        "alerts": budget.alerts,
        "active": budget.active,
        "created_at": budget.created_at,
        "title": row.title,
        "used": standing.used,
        "held": standing.held,
        "left": budget.limit if row.of_runs else standing.left,
        "period_start": None if total else standing.period_start,
        "renews_on": row.renews,
    }
