"""Wrap all data keys, and seal second steps, with the newest of SECRETS_KEYS. Then older keys may go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.accounts.second_step import second_steps_rotate
from apps.workspaces.secrets import data_keys_rotate


class Command(BaseCommand):
    """`manage.py secrets_rotate`."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and say how many."""
        self.stdout.write(f"{data_keys_rotate()} data keys wrapped anew.")
        self.stdout.write(f"{second_steps_rotate()} second steps sealed anew.")
