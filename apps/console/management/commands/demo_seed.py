"""`manage.py demo_seed`: the demo workspace, made where it is missing."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from apps.console.demo import demo_seed


class Command(BaseCommand):
    """Repeatable; the password is DEMO_PASSWORD."""

    help = "Make the demo workspace, its person, credits and workflows, where they are missing."

    def handle(self, *args: object, **options: object) -> None:
        """Make what is missing."""
        demo_seed()
