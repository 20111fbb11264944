"""``manage.py messages update|compile|check``: the translations, without gettext's programs and without services."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.catalogue import DOMAINS, LANGUAGES, catalogue_compile, catalogue_problems, catalogue_update


class Command(BaseCommand):
    help = "Update the catalogues from the source, compile them, or check that nothing is untranslated."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do."""
        parser.add_argument("action", choices=["update", "compile", "check"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it for every language and domain."""
        problems: list[str] = []
        for language in LANGUAGES:
            for domain in DOMAINS:
                if options["action"] == "update":
                    count, missing = catalogue_update(language, domain)
                    self.stdout.write(f"{language} {domain}: {count} messages, {missing} untranslated")
                if options["action"] in {"update", "compile"}:
                    catalogue_compile(language, domain)
                if options["action"] == "check":
                    problems += catalogue_problems(language, domain)
        if problems:
            raise CommandError("\n".join([*problems, "Run `manage.py messages update` and translate what is empty."]))
