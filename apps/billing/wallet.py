"""What a workspace has to spend, and how it is told that this is too little."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from apps.billing.models import AMOUNT_MAX, Account, AccountKind
from apps.billing.refusal import CreditsRefused
from apps.common.money import credits_text
from apps.common.problems import Problem


@dataclass(frozen=True)
class Balance:
    """A wallet in micro-credits: ``available`` is what can be spent. ``owed`` is left of money that went back."""

    posted: int = 0
    held: int = 0
    owed: int = 0

    @property
    def available(self) -> int:
        """What can be spent: a debt is set off against what comes back from holds, and ends in no less than nothing."""
        return max(0, self.posted - self.held - self.owed)

    @property
    def debt(self) -> int:
        """What is owed beyond what there is: nothing can be held before it is paid."""
        return max(0, self.owed + self.held - self.posted)


class InsufficientCredits(CreditsRefused):
    """Too few credits are available. All amounts in micro-credits; the message is for people."""

    code = "insufficient-credits"

    def __init__(self, *, needed: int, available: int, owed: int = 0) -> None:
        self.needed = needed
        self.available = available
        self.owed = owed
        self.missing = needed - available + owed
        words = _(
            "This needs %(needed)s, but only %(available)s can be spent: %(missing)s missing. "
            "Buy credits under Billing."
        )
        if owed:
            words = _(
                "This needs %(needed)s, but %(owed)s are owed since a payment went back: %(missing)s missing. "
                "The next purchase pays that first."
            )
        super().__init__(
            words
            % {
                "needed": credits_text(needed),
                "available": credits_text(available),
                "owed": credits_text(owed),
                "missing": credits_text(self.missing),
            }
        )

    def of_all(self, *, needed: int, set_aside: int) -> InsufficientCredits:
        """What all of several need, and what there was before any of them."""
        return InsufficientCredits(needed=needed, available=self.available + set_aside, owed=self.owed)

    def problem(self) -> Problem:
        """The API's answer: 402 with the amounts."""
        return Problem(
            self.code,
            402,
            _("Not enough credits"),
            str(self),
            needed=self.needed,
            available=self.available,
            owed=self.owed,
            missing=self.missing,
        )


def balance_get(*, workspace_id: UUID) -> Balance:
    """The balance of a workspace; zeros when nothing was ever granted."""
    wallets = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.WALLET)
    row = wallets.values_list("posted", "held", "owed").first()
    return Balance(*row) if row else Balance()


def balance_of(wallet: Account) -> Balance:
    """The balance that a wallet's row says."""
    return Balance(wallet.posted, wallet.held, wallet.owed)


def amount_check(amount: int, *, least: int = 0) -> None:
    """ValueError unless an amount of micro-credits lies between ``least`` and the greatest there is."""
    if not least <= amount <= AMOUNT_MAX:
        raise ValueError(f"{amount} micro-credits lie outside {least} to {AMOUNT_MAX}")
