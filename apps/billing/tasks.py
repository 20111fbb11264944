from __future__ import annotations

from datetime import date
from uuid import UUID

import structlog
from django.utils import timezone

from apps.billing import expiry
from apps.billing.alerts import alert_refused, alert_send, alerts_lost
from apps.billing.audit import ledger_audit
from apps.common.lanes import lane_task

log = structlog.get_logger(__name__)

BEAT = {
    "billing.ledger_check": {"task": "apps.billing.tasks.ledger_check", "schedule": 300.0},
    "billing.lots_expire": {"task": "apps.billing.tasks.lots_expire", "schedule": 60.0},
    "billing.budget_alerts_sweep": {"task": "apps.billing.tasks.budget_alerts_sweep", "schedule": 60.0},
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
