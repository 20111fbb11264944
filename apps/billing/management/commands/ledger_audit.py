from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.billing.audit import ledger_audit


class Command(BaseCommand):
    help = "Recompute every balance from the ledger's entries and holds; exits non-zero when one has drifted."

    def handle(self, *args: Any, **options: Any) -> None:
        drifts = ledger_audit()
        for drift in drifts:
            self.stderr.write(str(drift))
        if drifts:
            raise CommandError(f"The ledger does not add up: {len(drifts)} differences.")
        self.stdout.write("The ledger adds up: drift 0.")
