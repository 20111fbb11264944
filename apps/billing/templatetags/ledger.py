"""Money on the ledger's page: exact to the last micro-credit, where ``ui.credits`` rounds to two decimals."""

from __future__ import annotations

from django import template

from apps.billing import statement
from apps.billing.models import Entry, TransactionKind
from apps.common.money import MICRO, credits_number, money_text

register = template.Library()


@register.filter
def exact(amount: int) -> str:
    """Micro-credits as credits, all decimals there are: "12.345678"."""
    return credits_number(amount)


@register.filter
def round_down(amount: int) -> int:
    """Micro-credits for a narrow place: whole credits, below a hundred with two decimals. Never more than there are."""
    step = MICRO if abs(amount) >= 100 * MICRO else MICRO // 100
    return amount // step * step


@register.filter
def signed(amount: int) -> str:
    """The same with its sign, a real minus: "+12.5", "−3", "0"."""
    number = credits_number(abs(amount))
    return f"+{number}" if amount > 0 else f"−{number}" if amount < 0 else number


@register.filter
def paid_from(line: Entry) -> list[tuple[str, int]]:
    """Of what goes out: kind of credits and how many. Of what comes in, its own line says it."""
    return [(kind, -amount) for kind, amount in statement.paid_from(line) if amount < 0]


@register.filter
def short(line: Entry) -> int:
    """What a refund or a dispute asked for and the wallet did not have."""
    made = line.transaction
    if made.kind not in (TransactionKind.REFUND, TransactionKind.DISPUTE):
        return 0
    return int(made.asked or 0) + line.amount


@register.filter
def money(cents: int, currency: str) -> str:
    """Cents as people write them: ``{{ purchase.paid|money:purchase.currency }}`` → "12.50 USD"."""
    return money_text(cents, currency)
