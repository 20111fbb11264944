"""What is for sale, in one table: packs of credits, and what a month of each plan costs and brings."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.common.money import MICRO, credits_text
from apps.workspaces.plans import PLANS, PlanName

# Cents. Below half a dollar Stripe refuses, and its fee would be most of it below five.
CUSTOM_LEAST = 500
CUSTOM_MOST = 500_000


@dataclass(frozen=True)
class Pack:
    """So many credits (micro-credits) for so many cents."""

    name: str
    credits: int
    amount: int

    @property
    def percent_off(self) -> int:
        """How much cheaper than single credits, in whole percent."""
        full = amount_of(self.credits)
        return 100 * (full - self.amount) // full


@dataclass(frozen=True)
class PlanOffer:
    """A month of a plan: its price in cents, and the credits (micro-credits) that come with it and expire with it."""

    plan: PlanName
    amount: int
    credits: int

    @property
    def lookup_key(self) -> str:
        """Its name at Stripe. Another price is another name: who has subscribed keeps the old one."""
        return f"millrace_{self.plan.value}_{settings.BILLING_CURRENCY}_{self.amount}"

    @property
    def rate(self) -> float:
        """Requests a second over the API."""
        return PLANS[self.plan].rate

    @property
    def runs(self) -> int:
        """Runs at once."""
        return PLANS[self.plan].runs

    @property
    def generations(self) -> int:
        """Generations at once."""
        return PLANS[self.plan].generations


PACKS: dict[str, Pack] = {
    pack.name: pack
    for pack in (
        Pack("small", credits=1_000 * MICRO, amount=1_000),
        Pack("medium", credits=5_250 * MICRO, amount=5_000),
        Pack("large", credits=22_000 * MICRO, amount=20_000),
        Pack("huge", credits=115_000 * MICRO, amount=100_000),
    )
}
PLAN_OFFERS: dict[PlanName, PlanOffer] = {
    offer.plan: offer
    for offer in (
        PlanOffer(PlanName.STUDIO, amount=2_900, credits=3_000 * MICRO),
        PlanOffer(PlanName.TEAM, amount=9_900, credits=11_000 * MICRO),
    )
}


def credits_of(amount: int) -> int:
    """Micro-credits that ``amount`` cents buy without a pack, rounded down."""
    return amount * 10_000 * MICRO // int(settings.CREDIT_PRICE_MICRO)


def amount_of(bought: int) -> int:
    """Cents that so many micro-credits cost without a pack, rounded up."""
    return -(-bought * int(settings.CREDIT_PRICE_MICRO) // (10_000 * MICRO))


def credit_price_text() -> str:
    """What one credit costs, with all its decimals: "0.01 USD"."""
    price = (Decimal(int(settings.CREDIT_PRICE_MICRO)) / 1_000_000).normalize()
    digits = max(2, -int(price.as_tuple().exponent))
    return f"{number_format(price, decimal_pos=digits)} {settings.BILLING_CURRENCY.upper()}"


def credits_description(bought: int) -> str:
    """How a purchase of credits is called on a page and on an invoice."""
    return _("%(credits)s for Millrace") % {"credits": credits_text(bought)}
