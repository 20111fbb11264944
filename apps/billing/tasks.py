from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import structlog
from celery.schedules import crontab
from django.utils import timezone

from apps.billing import expiry
from apps.billing.alerts import alert_refused, alert_send, alerts_lost
from apps.billing.audit import ledger_audit
from apps.billing.endings import plan_follow, plans_follow
from apps.billing.inbox import inbox_due, inbox_forget, inbox_work
from apps.billing.purchases import purchases_sweep
from apps.billing.reconciliation import reconcile_nightly
from apps.billing.stripe_client import stripe_configured
from apps.billing.subscriptions import plans_sweep
from apps.billing.topups import topup_buy, topups_due
from apps.common.lanes import lane_task

log = structlog.get_logger(__name__)

BEAT: dict[str, dict[str, Any]] = {
    "billing.ledger_check": {"task": "apps.billing.tasks.ledger_check", "schedule": 300.0},
    "billing.lots_expire": {"task": "apps.billing.tasks.lots_expire", "schedule": 60.0},
    "billing.budget_alerts_sweep": {"task": "apps.billing.tasks.budget_alerts_sweep", "schedule": 60.0},
    "billing.inbox_tick": {"task": "apps.billing.tasks.inbox_tick", "schedule": 20.0},
    "billing.topup_tick": {"task": "apps.billing.tasks.topup_tick", "schedule": 20.0},
    "billing.purchase_sweep": {"task": "apps.billing.tasks.purchase_sweep", "schedule": 120.0},
    "billing.plan_sweep": {"task": "apps.billing.tasks.plan_sweep", "schedule": 900.0},
    "billing.reconcile": {"task": "apps.billing.tasks.reconcile", "schedule": crontab(hour="2", minute="40")},
}


@lane_task("control")
def ledger_check(**_: object) -> None:
    """Every five minutes: say so loudly when a balance has drifted."""
    for drift in ledger_audit():
        log.error(
            "ledger drift", action="ledger_check", check=drift.check, row=drift.row, by=drift.stored - drift.computed
        )


@lane_task("control")
def lots_expire(**_: object) -> None:
    """Every minute: what is past its time goes."""
    expiry.lots_expire(timezone.now())


@lane_task("io")
def budget_alert(*, alert_id: str, **_: object) -> None:
    """Send the mail of one alert."""
    alert_send(UUID(alert_id))


@lane_task("io")
def budget_alert_refused(
    *, workspace_id: str, budget_id: str, period_start: str, subject: str, used: int, **_: object
) -> None:
    """Tell that a budget has refused something, the first time in its period."""
    alert_id = alert_refused(UUID(workspace_id), UUID(budget_id), date.fromisoformat(period_start), subject, used)
    if alert_id is not None:
        alert_send(alert_id)


@lane_task("control")
def budget_alerts_sweep(**_: object) -> None:
    """Every minute: send again for alerts whose message was lost."""
    for alert_id in alerts_lost():
        budget_alert.delay(alert_id=str(alert_id))


@lane_task("io")
def inbox_event(*, inbox_id: str, **_: object) -> None:
    """Do what one event of Stripe's asks for."""
    inbox_work(UUID(inbox_id))


@lane_task("control")
def inbox_tick(**_: object) -> None:
    """Send the messages again that were lost, and those of events that are to be tried again."""
    for inbox_id in inbox_due():
        inbox_event.delay(inbox_id=str(inbox_id))


@lane_task("control")
def topup_tick(**_: object) -> None:
    """Find wallets that fell below their threshold."""
    for workspace_id in topups_due():
        topup.delay(workspace_id=str(workspace_id))


@lane_task("io")
def topup(*, workspace_id: str, **_: object) -> None:
    """Buy credits for one workspace, once for one fall."""
    topup_buy(UUID(workspace_id))


@lane_task("io")
def purchase_sweep(**_: object) -> None:
    """Ask Stripe for purchases whose webhook has not come."""
    if stripe_configured():
        purchases_sweep()
        inbox_forget()


@lane_task("io")
def plan_sweep(**_: object) -> None:
    """Lower plans whose paid time is over."""
    if stripe_configured():
        plans_sweep()
        plans_follow()


@lane_task("io")
def plan_end(*, workspace_id: str, **_: object) -> None:
    """Have the plan of a workspace end, or go on, as the workspace does."""
    plan_follow(UUID(workspace_id))


@lane_task("io")
def reconcile(**_: object) -> None:
    """Every night: compare Stripe's objects with ours."""
    if stripe_configured():
        reconcile_nightly()
