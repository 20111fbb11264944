"""What higher apps may want to know of workspaces."""

from __future__ import annotations

from django.dispatch import Signal

# workspace_created(workspace_id, owner_id): sent inside the transaction that makes it.
workspace_created = Signal()
