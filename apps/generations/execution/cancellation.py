"""Telling the provider to stop. What it answers to the next poll decides how the generation ends."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.utils import timezone

from apps.generations.accounts import provider_of
from apps.generations.execution.following import Next, following
from apps.generations.models import POLLED, Generation
from apps.providers.base import ProviderError

log = structlog.get_logger(__name__)


def send_cancel(*, workspace_id: UUID, generation_id: UUID) -> Next | None:
    """Ask the provider to cancel, then look at once.

    A job that was finished before the cancel arrived was delivered: it ends as succeeded and is charged. While the
    provider cannot be reached the row stays as it is and the next look sends the cancel again.
    """
    rows = Generation.objects.for_workspace(workspace_id).filter(id=generation_id)
    generation = rows.first()
    if generation is None or not generation.provider_request_id or generation.cancel_sent_at:
        return None
    try:
        provider_of(generation).cancel(generation.provider_request_id, generation.provider_urls)
    except ProviderError as error:
        log.warning("cancel not sent", action="generation_cancel", generation=str(generation_id), code=error.code)
        if not error.permanent:
            return None
    now = timezone.now()
    rows.update(cancel_sent_at=now)
    rows.filter(state__in=POLLED, delivery__isnull=True).update(poll_after=now)
    generation.refresh_from_db()
    return following(generation, now)
