"""Money in words. Everywhere else it is an integer of micro-credits."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import ngettext

MICRO = 1_000_000


def credits_number(micro: int) -> str:
    """Micro-credits as credits in the language's own notation: ``1234500000`` → "1,234.5". Exact, no padding."""
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), MICRO)
    digits = len(f"{rest:06d}".rstrip("0")) if rest else 0
    value = Decimal(whole) + Decimal(rest) / MICRO
    return sign + number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True)


def credits_text(micro: int) -> str:
    """Micro-credits with the unit: "12.5 credits"."""
    count = 1 if abs(micro) == MICRO else 2
    return ngettext("%(amount)s credit", "%(amount)s credits", count) % {"amount": credits_number(micro)}


def money_text(amount: int, currency: str) -> str:
    """Cents as people write them: "12.50 USD"."""
    return f"{number_format(Decimal(amount) / 100, decimal_pos=2, force_grouping=True)} {currency.upper()}"
