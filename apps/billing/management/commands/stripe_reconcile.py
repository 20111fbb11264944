from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from apps.billing.reconciliation import WINDOW, report_text, stripe_reconcile
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_configured


class Command(BaseCommand):
    help = "Compare Stripe's payments, refunds and disputes with ours; say each difference, and fail when there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--since 2026-11-01`` or with a time; three days without."""
        parser.add_argument("--since", help="a day or a moment (UTC); three days ago without")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report; it is kept as well."""
        if not stripe_configured():
            raise CommandError("STRIPE_SECRET_KEY is not set: there is nothing to compare with.")
        now = timezone.now()
        since = _moment(options["since"]) if options["since"] else now - WINDOW
        try:
            report = stripe_reconcile(since=since, until=now)
        except (StripeUnavailable, StripeRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(report_text(report))
        if report.differences:
            raise CommandError(f"{len(report.differences)} differences")


def _moment(text: str) -> datetime:
    try:
        day = parse_date(text) if len(text) == 10 else None
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--since {text} is not a day such as 2026-11-01.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
