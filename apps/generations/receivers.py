"""What workspaces tell generations: one is being deleted, so what is under way is called off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from apps.generations.models import LIVE, Generation
from apps.generations.services import generation_cancel
from apps.workspaces.signals import workspace_closing


@receiver(workspace_closing, dispatch_uid="generations")
def generations_end(workspace_id: UUID, **_: Any) -> None:
    """Cancel the paid calls that belong to no run; those of a run end with it."""
    live = Generation.objects.for_workspace(workspace_id).filter(state__in=LIVE, run_id=None)
    for generation_id in list(live.values_list("id", flat=True)):
        generation_cancel(workspace_id=workspace_id, generation_id=generation_id)
