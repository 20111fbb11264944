"""`manage.py demo_seed`: the demo workspace, made where it is missing."""

from __future__ import annotations

import os

from django.core.management.base import BaseCommand

from apps.console.demo import demo_seed


class Command(BaseCommand):
    """Reads the password from DEMO_PASSWORD; without it the password stays as it is."""

    help = "Make the demo workspace, its person, credits and workflows, where they are missing."

    def handle(self, *args: object, **options: object) -> None:
        """Make what is missing."""
        demo_seed(os.environ.get("DEMO_PASSWORD", ""))
