"""What a model that writes has written so far, told while it writes."""

from __future__ import annotations

import time

from django.utils.text import Truncator

from apps.generations import events
from apps.generations.models import Generation, GenerationState

# As often as a person can follow, and a row bears to be written.
EVERY_S = 0.3
TOLD = 200


class Teller:
    """Writes the text so far to the row, now and then; says to stop once a person has cancelled."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._next = time.monotonic() + EVERY_S

    def tell(self, text: str) -> bool:
        """All that was written so far. False: nobody wants the rest."""
        if time.monotonic() < self._next:
            return True
        self._next = time.monotonic() + EVERY_S
        row = self._generation
        rows = Generation.objects.for_workspace(row.workspace_id).filter(id=row.id, fence=row.fence)
        tail = Truncator(text[-TOLD * 2 :][::-1]).chars(TOLD)[::-1].replace("\n", " ")
        rows.filter(state=GenerationState.SUBMITTING).update(text=text, progress_message=tail)
        row.text, row.progress_message = text, tail
        events.progressed(row)
        return rows.filter(cancel_requested_at=None).exists()
