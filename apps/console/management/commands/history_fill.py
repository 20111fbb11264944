from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from apps.assets.previews import colours_fill
from apps.datasets.execution.recording import records_fill

BATCH = 200


class Command(BaseCommand):
    """Can be stopped and begun again at any time, beside a running site."""

    help = "Give dataset records and colours to what was made before there were any."

    def handle(self, *args: Any, **options: Any) -> None:
        """Records, then colours; a line for each thousand or so looked at."""
        self._all("generations without a record", records_fill)
        self._all("pictures without colours", colours_fill)

    def _all(self, what: str, fill: Callable[..., UUID | None]) -> None:
        after: UUID | None = None
        batches = 0
        while (after := fill(after, count=BATCH)) is not None:
            batches += 1
            if batches % 5 == 0:
                self.stdout.write(f"{batches * BATCH} {what} so far")
        self.stdout.write(f"All {what} are done.")
