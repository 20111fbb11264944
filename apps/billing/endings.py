"""A workspace that is being deleted pays no further month; one that is restored does again.

Which subscriptions we ended ourselves is written at Stripe, beside each: a plan that somebody cancelled before stays
cancelled.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog

from apps.billing.models import Subscription
from apps.billing.stripe_client import (
    StripeRefused,
    StripeUnavailable,
    stripe_call,
    stripe_configured,
    stripe_livemode,
    stripe_metadata,
)
from apps.billing.subscriptions import ENDED, subscription_apply, subscription_find
from apps.common.tenancy import unscoped
from apps.workspaces.models import Workspace

log = structlog.get_logger(__name__)
_MARK = "ended_with_workspace"


def plan_follow(workspace_id: UUID) -> None:
    """Bring a running subscription to what its workspace is: ending with its period, or not. May be repeated."""
    row = subscription_find(workspace_id) if stripe_configured() else None
    if row is None:
        return
    is_closing = Workspace.objects.filter(id=workspace_id).exclude(erase_at=None).exists()
    try:
        _follow(row, is_closing=is_closing)
    except (StripeUnavailable, StripeRefused) as error:
        # The sweep asks again for those that should end.
        log.warning("plan not ended", action="plan_follow", workspace=str(workspace_id), error=str(error))


def _follow(row: Subscription, *, is_closing: bool) -> None:
    told = stripe_call("subscriptions.retrieve", row.subscription_id)
    is_ending = bool(told.cancel_at_period_end or told.cancel_at)
    is_ours = bool(stripe_metadata(told, _MARK))
    if told.status not in ENDED and is_closing and not is_ending:
        told = _set(row, is_ending=True, mark="yes")
    elif told.status not in ENDED and not is_closing and is_ending and is_ours:
        # An empty word is Stripe's way to forget one.
        told = _set(row, is_ending=False, mark="")
    subscription_apply(told)


def _set(row: Subscription, *, is_ending: bool, mark: str) -> Any:
    return stripe_call(
        "subscriptions.update", row.subscription_id, cancel_at_period_end=is_ending, metadata={_MARK: mark}
    )


def plans_follow() -> None:
    """End the plans of workspaces that are being deleted, or are gone, where a message or answer was lost."""
    with unscoped("a sweep looks at all workspaces"):
        rows = Subscription.objects.filter(ended_at=None, livemode=stripe_livemode(), cancel_at_period_end=False)
        due = rows.exclude(workspace__erase_at=None).values_list("workspace_id", flat=True)
        found = list(due.order_by("created_at")[:100])
    for workspace_id in found:
        plan_follow(workspace_id)
