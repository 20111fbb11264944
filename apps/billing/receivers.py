"""What workspaces tell billing: one is being deleted, or is not any more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from apps.billing.tasks import plan_end
from apps.workspaces.signals import workspace_closing, workspace_restored


@receiver([workspace_closing, workspace_restored], dispatch_uid="billing")
def plan_follows(workspace_id: UUID, **_: Any) -> None:
    """Nothing is paid by the month for what is being deleted."""
    plan_end.delay_on_commit(workspace_id=str(workspace_id))
