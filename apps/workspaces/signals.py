"""What higher apps may want to know of workspaces."""

from __future__ import annotations

from django.dispatch import Signal

# workspace_created(workspace_id, owner_id): sent inside the transaction that makes it.
workspace_created = Signal()

# member_leaving(membership): sent inside the transaction that ends it, before it is gone.
member_leaving = Signal()

# invitation_accepted(membership, project_id, role): sent inside the transaction that accepts one to a project.
invitation_accepted = Signal()

# workspace_closing(workspace_id): sent inside the transaction that begins the days before a workspace is erased.
# Whatever runs by itself or costs by the month stops now.
workspace_closing = Signal()

# workspace_restored(workspace_id): sent inside the transaction that takes such a deletion back.
workspace_restored = Signal()
