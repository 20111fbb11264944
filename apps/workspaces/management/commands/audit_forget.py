from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.workspaces.audit import person_forget


class Command(BaseCommand):
    help = "Take a person's name, addresses and browsers out of every audit log. The chains stay whole."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the person's e-mail address; they must still be here")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email__iexact=options["email"]).first()
        if person is None:
            raise CommandError(f"There is nobody with the address {options['email']!r}.")
        count = person_forget(user_id=person.pk, email=person.email)
        self.stdout.write(f"{count} entries named them, and do not any more.")
