"""Wrap all data keys with the newest key of SECRETS_KEYS. After it, older keys may be taken out of the environment."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.workspaces.secrets import data_keys_rotate


class Command(BaseCommand):
    """`manage.py secrets_rotate`."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and say how many."""
        self.stdout.write(f"{data_keys_rotate()} data keys wrapped anew.")
