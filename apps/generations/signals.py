"""What a generation tells the apps above it. Receivers look the row up.

The last two are sent after the commit and carry ``generation_id``, ``workspace_id`` and ``run_id`` (None for a call
outside of a run). They may be lost with their process: whoever needs to be certain looks at the rows from time to time.
"""

from __future__ import annotations

from django.dispatch import Signal

# generation_id, workspace_id. Sent inside of the transaction that ends the generation: what a receiver writes is
# committed with that end or not at all, and one that raises undoes it.
generation_ending = Signal()
generation_settled = Signal()
generation_progressed = Signal()
