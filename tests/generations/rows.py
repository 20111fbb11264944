"""Rows of the tape that no provider was asked for: what tests of reading it need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.common.ids import uuid7
from apps.generations.models import Generation
from apps.workspaces.models import Workspace


def made(workspace: Workspace, prompt: str = "", *, days_ago: float = 0, **more: Any) -> Generation:
    """One settled generation."""
    at = timezone.now() - timedelta(days=days_ago)
    fields: dict[str, Any] = {
        "kind": "image",
        "provider": "sandbox",
        "model": "sandbox/image",
        "request_digest": b"0" * 32,
        "state": "succeeded",
        "hold_id": uuid7(),
        "price_low": 0,
        "price_high": 100_000_000,
        "cost": 1_500_000,
        "deadline_at": at,
        "settled_at": at,
        "created_at": at,
        "params": {"prompt": prompt},
    }
    rows = Generation.objects.for_workspace(workspace.id)
    row: Generation = rows.create(workspace=workspace, prompt=prompt, **{**fields, **more})
    return row
