"""The door to budgets: what they refuse, what they tell, and how they are made and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.alerts import admins
from apps.billing.ledger import wallet_lock
from apps.billing.models import (
    AMOUNT_MAX,
    TARGETED,
    Account,
    Budget,
    BudgetAlert,
    BudgetPeriod,
    BudgetScope,
    Hold,
)
from apps.billing.refusal import CreditsRefused
from apps.billing.standing import Standing, concerned_by, standings_of
from apps.billing.subjects import budget_title, subject_choices
from apps.billing.tasks import budget_alert, budget_alert_refused
from apps.common.money import credits_text
from apps.common.problems import Problem
from apps.workspaces.audit import audit_record

log = structlog.get_logger(__name__)
# So many of those who can raise a budget are named.
NAMED = 3
BUDGETS_MAX = 200
FULL = 100


class BudgetExceeded(CreditsRefused):
    """A budget would be passed. Amounts in micro-credits; the message is for people."""

    code = "budget-exceeded"

    def __init__(self, *, budget: Budget, needed: int, left: int) -> None:
        self.budget = budget
        self.needed = needed
        self.left = left
        people = [person.get_full_name() for person in admins(budget.workspace_id)[:NAMED]]
        super().__init__(
            _(
                "This needs %(needed)s, but the budget “%(budget)s” has only %(left)s left. "
                "It can be raised under Billing, Budgets, by: %(people)s."
            )
            % {
                "needed": credits_text(needed),
                "budget": budget_title(budget),
                "left": credits_text(left),
                "people": ", ".join(people),
            }
        )

    def of_all(self, *, needed: int, set_aside: int) -> BudgetExceeded:
        """What all of several need, and what was left before any of them."""
        return BudgetExceeded(budget=self.budget, needed=needed, left=self.left + set_aside)

    def problem(self) -> Problem:
        """The API's answer: 402 with the budget and the amounts."""
        extra = {"budget": str(self.budget.id), "needed": self.needed, "left": self.left}
        return Problem(self.code, 402, _("Budget exceeded"), str(self), **extra)


class BudgetMissing(LookupError):
    """There is no such budget."""


class BudgetInvalid(ValueError):
    """This budget cannot be; ``field`` is what to change, the message says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class BudgetExists(BudgetInvalid):
    """There is a budget for the same thing and period; ``budget_id`` is that one."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(
            "target", _("There is a budget “%(budget)s” already. Change that one.") % {"budget": budget_title(budget)}
        )
        self.budget_id = budget.id


def budget_refusal(wallet: Account, values: Mapping[str, Any], whole: Hold | None = None) -> BudgetExceeded | None:
    """Which budget a hold of ``values["amount"]`` would pass, under the wallet's lock; None when it may be made.

    What is moved out of a run's hold (``whole``) was asked about when that was made, so only the shortage is new. But
    a call counts against what is spent and under way as well: a limit that was lowered stops runs that began before.
    """
    amount = values["amount"]
    if not wallet.budgeted or not amount:
        return None
    concerned = concerned_by(whole) if whole else values
    for standing in standings_of(wallet.id, concerned, values["now"]):
        left = _left_for(standing, values, whole)
        if amount > left:
            _refusal_tell(standing)
            return BudgetExceeded(budget=standing.budget, needed=amount, left=max(0, left))
    return None


def _left_for(standing: Standing, values: Mapping[str, Any], whole: Hold | None) -> int:
    free = standing.budget.limit - standing.used - standing.held
    if whole is None:
        return free
    left = standing.budget.limit - standing.used - standing.in_flight if values["generation"] else AMOUNT_MAX
    return left if values["amount"] <= whole.amount else min(left, free + whole.amount)


def _refusal_tell(standing: Standing) -> None:
    """The admins hear of the first refusal in a period. It is sent at once: the refusal undoes the transaction."""
    budget = standing.budget
    told = BudgetAlert.objects.for_workspace(budget.workspace_id).filter(
        budget_id=budget.id, period_start=standing.period_start, subject=_run_of(standing), percent=FULL
    )
    if FULL in budget.alerts and not told.exists():
        budget_alert_refused.delay(
            workspace_id=str(budget.workspace_id),
            budget_id=str(budget.id),
            period_start=standing.period_start.isoformat(),
            subject=_run_of(standing),
            used=standing.used,
        )


def budget_reach(hold: Hold) -> None:
    """After a capture, in its transaction: note each percentage it reached, and have the highest told by mail."""
    now = hold.settled_at or timezone.now()
    for standing in standings_of(hold.account_id, concerned_by(hold), now):
        limit, used = standing.budget.limit, standing.used
        before = used - hold.captured
        reached = [percent for percent in standing.budget.alerts if before * 100 < percent * limit <= used * 100]
        _alert_make(standing, sorted(reached), now)


def _alert_make(standing: Standing, reached: Sequence[int], now: datetime) -> None:
    budget = standing.budget
    alerts = [
        BudgetAlert(
            workspace_id=budget.workspace_id,
            budget_id=budget.id,
            period_start=standing.period_start,
            subject=_run_of(standing),
            percent=percent,
            used=standing.used,
            limit=budget.limit,
            # Of several at once only the highest is news.
            claimed_at=None if percent == reached[-1] else now,
        )
        for percent in reached
    ]
    if alerts:
        BudgetAlert.objects.for_workspace(budget.workspace_id).bulk_create(alerts, ignore_conflicts=True)
        budget_alert.delay_on_commit(alert_id=str(alerts[-1].id))


def _run_of(standing: Standing) -> str:
    return standing.subject if standing.budget.scope == BudgetScope.RUN else ""


def budget_create(
    *,
    workspace_id: UUID,
    scope: str,
    target_id: UUID | None,
    period: str,
    limit: int,
    alerts: Sequence[int] = tuple(Budget.ALERTS),
    actor_id: UUID | None = None,
) -> Budget:
    """A budget that holds from now on, and counts what its period has seen already. BudgetInvalid, BudgetExists."""
    _check_target(workspace_id, scope, target_id, period)
    budget = Budget(
        workspace_id=workspace_id,
        scope=scope,
        target_id=target_id,
        period=period,
        limit=_limit(limit),
        alerts=_percentages(alerts),
        created_by_id=actor_id,
    )
    with transaction.atomic():
        wallet_lock(workspace_id)
        rows = Budget.objects.for_workspace(workspace_id).filter(removed_at=None)
        if rows.count() >= BUDGETS_MAX:
            raise BudgetInvalid("", _("A workspace can have %(count)s budgets.") % {"count": BUDGETS_MAX})
        _check_once(budget)
        budget.save(force_insert=True)
        _budgeted(workspace_id)
        _tell("budget_create", budget, actor_id=actor_id, after={"period": period, **_told(budget)})
    log.info("budget created", action="budget_create", budget=str(budget.id), workspace=str(workspace_id))
    return budget


def budget_update(
    *,
    workspace_id: UUID,
    budget_id: UUID,
    limit: int | None = None,
    alerts: Sequence[int] | None = None,
    active: bool | None = None,
) -> Budget:
    """Change a limit or percentages, pause, or go on. Takes effect with the next hold. BudgetMissing, BudgetInvalid."""
    with transaction.atomic():
        budget = _locked(workspace_id, budget_id)
        before = _told(budget)
        budget.limit = budget.limit if limit is None else _limit(limit)
        budget.alerts = budget.alerts if alerts is None else _percentages(alerts)
        budget.active = budget.active if active is None else active
        budget.save(update_fields=["limit", "alerts", "active"])
        _budgeted(workspace_id)
        _tell("budget_update", budget, before=before, after=_told(budget))
    return budget


def _told(budget: Budget) -> dict[str, Any]:
    return {"limit": budget.limit, "alerts": list(budget.alerts), "active": budget.active}


def _tell(action: str, budget: Budget, **changed: Any) -> None:
    audit_record(
        workspace_id=budget.workspace_id, action=action, target=budget_title(budget), target_id=budget.id, **changed
    )


def budget_remove(*, workspace_id: UUID, budget_id: UUID) -> Budget:
    """Take a budget away; :func:`budget_restore` brings it back. BudgetMissing."""
    with transaction.atomic():
        budget = _locked(workspace_id, budget_id)
        budget.removed_at = timezone.now()
        budget.save(update_fields=["removed_at"])
        _budgeted(workspace_id)
        _tell("budget_remove", budget, before=_told(budget))
    log.info("budget removed", action="budget_remove", budget=str(budget_id), workspace=str(workspace_id))
    return budget


def budget_restore(*, workspace_id: UUID, budget_id: UUID) -> Budget:
    """Bring back what was removed. BudgetMissing, BudgetExists when another has taken its place meanwhile."""
    with transaction.atomic():
        budget = _locked(workspace_id, budget_id, removed=True)
        if budget.removed_at is None:
            return budget
        _check_once(budget)
        budget.removed_at = None
        budget.save(update_fields=["removed_at"])
        _budgeted(workspace_id)
        _tell("budget_restore", budget, after=_told(budget))
    return budget


def _locked(workspace_id: UUID, budget_id: UUID, *, removed: bool = False) -> Budget:
    """The budget under the wallet's lock, which is what holds are asked under; ``removed`` ones too, if wanted."""
    wallet_lock(workspace_id)
    rows = Budget.objects.for_workspace(workspace_id).filter(id=budget_id)
    budget: Budget | None = (rows if removed else rows.filter(removed_at=None)).first()
    if budget is None:
        raise BudgetMissing(BudgetMissing.__doc__)
    return budget


def _budgeted(workspace_id: UUID) -> None:
    """Tell the wallet whether any budget is to be asked; its lock is held."""
    live = Budget.objects.for_workspace(workspace_id).filter(removed_at=None, active=True)
    Account.objects.for_workspace(workspace_id).update(budgeted=live.exists())


def _check_target(workspace_id: UUID, scope: str, target_id: UUID | None, period: str) -> None:
    if scope not in BudgetScope.values:
        raise BudgetInvalid("scope", _("There is no such scope: choose %(scopes)s.") % {"scopes": _or(BudgetScope)})
    if period not in BudgetPeriod.values:
        raise BudgetInvalid(
            "period", _("There is no such period: choose %(periods)s.") % {"periods": _or(BudgetPeriod)}
        )
    if scope in TARGETED and target_id is None:
        raise BudgetInvalid("target", _("Say whose budget it is: choose one as the target, by its id."))
    if scope in TARGETED and target_id not in subject_choices(workspace_id, scope):
        raise BudgetInvalid("target", _("The target is not in this workspace. Choose one that is."))
    if scope not in TARGETED and target_id is not None:
        raise BudgetInvalid("target", _("A budget of this scope has no target. Leave it out."))
    if scope == BudgetScope.RUN and period != BudgetPeriod.TOTAL:
        raise BudgetInvalid("period", _("A run's budget holds as long as the run does. Choose the period “no end”."))


def _or(choices: Any) -> str:
    return ", ".join(choices.values)


def _check_once(budget: Budget) -> None:
    same = Budget.objects.for_workspace(budget.workspace_id).filter(
        scope=budget.scope, target_id=budget.target_id, period=budget.period, removed_at=None
    )
    found: Budget | None = same.first()
    if found is not None:
        raise BudgetExists(found)


def _limit(limit: int) -> int:
    if limit < 1:
        raise BudgetInvalid("limit", _("A budget is at least 0.000001 credits."))
    if limit > AMOUNT_MAX:
        raise BudgetInvalid("limit", _("A budget can be %(most)s at most.") % {"most": credits_text(AMOUNT_MAX)})
    return limit


def _percentages(alerts: Sequence[int]) -> list[int]:
    if len(alerts) > 10 or any(not 1 <= percent <= FULL for percent in alerts):
        raise BudgetInvalid("alerts", _("Alerts are up to ten percentages from 1 to 100."))
    return sorted(set(alerts))
