"""What assets tell the apps above."""

from __future__ import annotations

from django.dispatch import Signal

# asset_id, workspace_id: the bytes are verified and stored. Sent after the commit.
asset_ready = Signal()
# asset_id, workspace_id: put into the trash, or taken out of it. Sent inside of the transaction that does so.
asset_trashed = Signal()
