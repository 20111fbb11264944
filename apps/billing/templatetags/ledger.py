"""Money on the ledger's page: exact to the last micro-credit, where ``ui.credits`` rounds to two decimals."""

from __future__ import annotations

from django import template

from apps.common.money import credits_number

register = template.Library()


@register.filter
def exact(amount: int) -> str:
    """Micro-credits as credits, all decimals there are: "12.345678"."""
    return credits_number(amount)


@register.filter
def signed(amount: int) -> str:
    """The same with its sign, a real minus: "+12.5", "−3", "0"."""
    number = credits_number(abs(amount))
    return f"+{number}" if amount > 0 else f"−{number}" if amount < 0 else number
