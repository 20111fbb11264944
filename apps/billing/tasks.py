from __future__ import annotations

import structlog
from django.utils import timezone

from apps.billing import expiry
from apps.billing.audit import ledger_audit
from apps.common.lanes import lane_task

log = structlog.get_logger(__name__)

BEAT = {
    "billing.ledger_check": {"task": "apps.billing.tasks.ledger_check", "schedule": 300.0},
    "billing.lots_expire": {"task": "apps.billing.tasks.lots_expire", "schedule": 60.0},
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
