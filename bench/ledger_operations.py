"""Random operations on the ledger, from many sides at once: what the bench and the race test call."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from django.utils import timezone

from apps.billing import services
from apps.billing.expiry import lots_expire
from apps.billing.models import TransactionKind

REFUSALS = (
    services.InsufficientCredits,
    services.HoldSettled,
    services.HoldMissing,
    services.ReplayMismatch,
    services.FreezeMissing,
)
# How many things tellers work on at the same time, and how many operations each of those sees from one teller.
WINDOW = 16
PACE = 6


class Teller:
    """One of several that work through the same things: each number names a run, a purchase and a dispute.

    Tellers with different seeds meet at the same numbers, so that one repeats, contradicts or overtakes what another
    does. Amounts follow from the number: a repeat is exact, but now and then it is not.
    """

    def __init__(self, seed: int, workspace_ids: Sequence[UUID]) -> None:
        self.chance = random.Random(seed)
        self.workspace_ids = workspace_ids
        self.steps = 0
        self.doors: list[Callable[[int], object]] = [
            *[self.hold] * 5, *[self.split] * 8, *[self.capture] * 8, *[self.release] * 3, *[self.close] * 2,
            *[self.topup] * 2, self.grant, self.clawback, self.freeze, self.decide, self.correct,
        ]  # fmt: skip

    def step(self) -> bool:
        """One operation; False when the ledger refused it, as it does to what comes too late or twice."""
        self.steps += 1
        number = self.steps // PACE + self.chance.randrange(WINDOW)
        try:
            if self.chance.random() < 0.002:
                lots_expire(timezone.now())
            self.chance.choice(self.doors)(number)
        except REFUSALS:
            return False
        return True

    def _workspace(self, number: int) -> UUID:
        return self.workspace_ids[number % len(self.workspace_ids)]

    def _amount(self, number: int, most: int) -> int:
        exact = 1 + number * 7919 % most
        return exact + 1 if self.chance.random() < 0.01 else exact

    def _hold_id(self, number: int) -> UUID:
        """The run's own hold, or one of its parts."""
        return self._part_id(number) if self.chance.random() < 0.8 else uuid5(NAMESPACE_OID, f"run {number}")

    def _part_id(self, number: int) -> UUID:
        return uuid5(NAMESPACE_OID, f"part {number} {self.chance.randrange(4)}")

    def hold(self, number: int) -> object:
        """A run begins."""
        run_id = uuid5(NAMESPACE_OID, f"run {number}")
        return services.credits_hold(
            workspace_id=self._workspace(number),
            hold_id=run_id,
            amount=self._amount(number, 400),
            description="Run",
            run_id=run_id,
        )

    def split(self, number: int) -> object:
        """A step of it begins."""
        return services.hold_split(
            parent_id=uuid5(NAMESPACE_OID, f"run {number}"),
            hold_id=self._part_id(number),
            amount=self._amount(number, 150),
            description="Step",
        )

    def capture(self, number: int) -> None:
        """A step is paid."""
        amount = self.chance.randrange(150)
        services.hold_capture(hold_id=self._hold_id(number), amount=amount, description="Step")

    def release(self, number: int) -> None:
        """A step costs nothing."""
        services.hold_release(hold_id=self._hold_id(number))

    def close(self, number: int) -> None:
        """The run is over."""
        services.hold_close(hold_id=uuid5(NAMESPACE_OID, f"run {number}"))

    def topup(self, number: int) -> object:
        """A purchase, or credits of a plan that end soon."""
        planned = number % 3 == 0
        ends = timezone.now() + timedelta(seconds=self.chance.randrange(20)) if planned else None
        return services.credits_topup(
            workspace_id=self._workspace(number),
            amount=self._amount(number, 500),
            source="bench",
            source_id=str(number),
            description="Credits",
            kind=TransactionKind.PLAN if planned else TransactionKind.TOPUP,
            expires_at=ends,
        )

    def grant(self, number: int) -> object:
        """A gift."""
        return services.credits_grant(
            workspace_id=self._workspace(number),
            amount=self._amount(number, 100),
            reason="Gift",
            source="bench",
            source_id=str(number),
        )

    def clawback(self, number: int) -> object:
        """The purchase goes back."""
        return services.credits_clawback(
            workspace_id=self._workspace(number),
            amount=self._amount(number, 500),
            source="bench refund",
            source_id=str(number),
            description="Refund",
        )

    def freeze(self, number: int) -> object:
        """The purchase is contested."""
        return services.credits_freeze(
            workspace_id=self._workspace(number),
            amount=self._amount(number, 500),
            source="bench dispute",
            source_id=str(number),
            description="Dispute",
        )

    def decide(self, number: int) -> object:
        """The dispute is won or lost, or by some both."""
        door = services.credits_unfreeze if self.chance.random() < 0.5 else services.credits_clawback
        return door(
            workspace_id=self._workspace(number),
            amount=self._amount(number, 500),
            source="bench dispute",
            source_id=str(number),
            description="Decided",
        )

    def correct(self, number: int) -> object:
        """Staff put something right, more or less."""
        sign = 1 if number % 2 else -1
        return services.credits_correct(
            workspace_id=self._workspace(number),
            amount=sign * self._amount(number, 60),
            reason="Bench",
            source_id=f"bench {number}",
            actor_id=UUID(int=1),
        )
