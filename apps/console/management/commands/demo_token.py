"""`manage.py demo_token`: one API token for the demo workspace on standard output, nothing else."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from apps.console.demo import demo_seed, demo_user
from apps.workspaces.models import TokenScope
from apps.workspaces.services import token_issue


class Command(BaseCommand):
    """A token with every scope, for 30 days."""

    help = "Print one API token for the demo workspace."

    def handle(self, *args: object, **options: object) -> None:
        """Issue and print it."""
        workspace = demo_seed()
        _token, secret = token_issue(
            workspace_id=workspace.id,
            created_by_id=demo_user().id,
            name="demo",
            scopes=list(TokenScope.values),
            days=30,
        )
        self.stdout.write(secret)
