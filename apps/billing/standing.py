"""How budgets stand: what is used and held of each in its period. Exact under the wallet's lock, else a snapshot.

Path not taken: a counter per budget and period, written with each hold, split, capture and release. It is a fifth
cheaper at best (decision 0078) and has to be made anew whenever a budget is made, changed or paused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.billing.models import Account, AccountKind, Budget, Hold
from apps.common.statements import prepared
from apps.common.tenancy import scope

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Standing:
    """A budget in the period it is in. Micro-credits; ``in_flight`` is what of ``held`` paid calls under way hold.

    ``subject`` is what it was summed for: the run of a budget for each run, else the budget's own target.
    """

    budget: Budget
    period_start: date
    used: int
    held: int
    in_flight: int
    subject: str = ""

    @property
    def left(self) -> int:
        """What can still be set aside; 0 when the limit was lowered below what is used and held."""
        return max(0, self.budget.limit - self.used - self.held)

    @property
    def percent(self) -> int:
        """How much of the limit is used, in whole percent."""
        return self.used * 100 // self.budget.limit


_STANDING = """
SELECT budget.*, named.subject, COALESCE(spent.amount, 0) AS used, COALESCE(open.held, 0) AS held,
       COALESCE(open.in_flight, 0) AS in_flight
FROM billing_budget AS budget
CROSS JOIN LATERAL (
    SELECT CASE budget.scope WHEN 'workspace' THEN '' WHEN 'run' THEN COALESCE(%(run)s::uuid::text, '')
           ELSE budget.target_id::text END AS subject
) AS named
CROSS JOIN LATERAL (
    SELECT sum(amount) AS amount FROM billing_spending
    WHERE workspace_id = budget.workspace_id AND kind = budget.scope AND subject = named.subject
        AND day >= CASE budget.period WHEN 'day' THEN %(today)s::date WHEN 'month' THEN %(month)s::date
                   ELSE '-infinity' END
) AS spent
CROSS JOIN LATERAL (
    SELECT sum(amount) AS held, sum(amount) FILTER (WHERE generation_id IS NOT NULL) AS in_flight
    FROM billing_hold
    WHERE account_id = %(wallet)s AND state = 'open' AND CASE budget.scope
        WHEN 'workspace' THEN true WHEN 'run' THEN run_id = %(run)s::uuid
        WHEN 'project' THEN project_id = budget.target_id WHEN 'member' THEN actor_id = budget.target_id
        WHEN 'workflow' THEN workflow_id = budget.target_id WHEN 'token' THEN token_id = budget.target_id END
) AS open
WHERE budget.workspace_id = %(workspace)s AND budget.removed_at IS NULL
"""
_CONCERNED = """
    AND budget.active AND CASE budget.scope
        WHEN 'workspace' THEN true WHEN 'run' THEN %(run)s::uuid IS NOT NULL
        WHEN 'project' THEN budget.target_id = %(project)s WHEN 'member' THEN budget.target_id = %(actor)s
        WHEN 'workflow' THEN budget.target_id = %(workflow)s WHEN 'token' THEN budget.target_id = %(token)s END
"""
_ORDER = " ORDER BY budget.created_at, budget.id"
_FIELDS = [field.attname for field in Budget._meta.concrete_fields]


def period_start(period: str, now: datetime) -> date:
    """The first day of the period that ``now`` lies in, UTC; 1970-01-01 for one without end."""
    today = now.astimezone(UTC).date()
    return {"day": today, "month": today.replace(day=1)}.get(period, EPOCH)


def period_end(period: str, now: datetime) -> date | None:
    """The first day of the next period; None for one without end."""
    start = period_start(period, now)
    if period == "day":
        return start + timedelta(days=1)
    return (start + timedelta(days=32)).replace(day=1) if period == "month" else None


def standings(workspace_id: UUID, now: datetime) -> list[Standing]:
    """All budgets of a workspace, the oldest first, paused ones too. A budget for each run has nothing used here."""
    wallets = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.WALLET)
    wallet_id = wallets.values_list("id", flat=True).first()
    return _read(_STANDING + _ORDER, {"workspace": workspace_id, "wallet": wallet_id, "run": None}, now)


def standings_of(wallet_id: UUID, concerned: Mapping[str, Any], now: datetime) -> list[Standing]:
    """The active budgets that spending with these ids counts for: workspace, project, actor, workflow, token, run."""
    return _read(_STANDING + _CONCERNED + _ORDER, {**concerned, "wallet": wallet_id}, now)


def concerned_by(hold: Hold) -> dict[str, Any]:
    """The ids that :func:`standings_of` wants, of a hold."""
    return {
        "workspace": hold.workspace_id,
        "project": hold.project_id,
        "actor": hold.actor_id,
        "workflow": hold.workflow_id,
        "token": hold.token_id,
        "run": hold.run_id,
    }


def _read(statement: str, values: Mapping[str, Any], now: datetime) -> list[Standing]:
    dates = {"today": period_start("day", now), "month": period_start("month", now)}
    with scope(values["workspace"]), prepared() as cursor:
        cursor.execute(statement, {**values, **dates})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [_standing(row, now) for row in rows]


def _standing(row: dict[str, Any], now: datetime) -> Standing:
    budget = Budget.from_db(connection.alias, _FIELDS, [row[name] for name in _FIELDS])
    used, held, in_flight = int(row["used"]), int(row["held"]), int(row["in_flight"])
    return Standing(budget, period_start(budget.period, now), used, held, in_flight, row["subject"])
