"""Whatever is called, in whatever order, again, and broken off anywhere: the ledger agrees with a small model."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from apps.billing import services
from apps.billing.audit import ledger_audit
from apps.billing.expiry import lots_expire
from apps.billing.models import Account, AccountKind, Hold, Lot, TransactionKind
from apps.billing.services import Balance, FreezeMissing, HoldSettled, InsufficientCredits, balance_get
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

amounts = st.integers(0, 100)
prices = st.integers(1, 200)
# After how many statements a door breaks; most have fewer than ten, and then it does not.
breaks = st.none() | st.integers(1, 12)
NOW = timezone.now()
Door = Callable[[], object]


class PowerCutError(Exception):
    """The process is gone, in the middle of a door."""


@dataclass
class Part:
    amount: int
    parent: UUID | None = None
    state: str = "open"
    captured: int = 0


@dataclass
class Bucket:
    """A lot: ``rank`` orders what burns first."""

    rank: tuple[int, datetime, int]
    remaining: int


@dataclass
class Frozen:
    asked: int
    parts: dict[int, int] = field(default_factory=dict)
    over: str = ""


class Model:
    """The ledger in a few lines: lots in the order in which they burn, holds, what is owed, what is frozen."""

    def __init__(self) -> None:
        self.lots: list[Bucket] = []
        self.holds: dict[UUID, Part] = {}
        self.owed = 0
        self.frozen: dict[str, Frozen] = {}

    @property
    def posted(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(part.amount for part in self.holds.values() if part.state == "open")

    @property
    def available(self) -> int:
        return max(0, self.posted - self.held - self.owed)

    def burning(self) -> list[Bucket]:
        return sorted(self.lots, key=lambda lot: lot.rank)

    def draw(self, lots: list[Bucket], amount: int) -> dict[int, int]:
        parts = {}
        for lot in lots:
            part = min(lot.remaining, amount)
            amount -= part
            lot.remaining -= part
            parts[self.lots.index(lot)] = part
        assert amount == 0
        return parts

    def take(self, amount: int, first: dict[int, int] | None = None) -> dict[int, int]:
        last = self.burning()[::-1]
        last.sort(key=lambda lot: self.lots.index(lot) not in (first or {}))
        return self.draw(last, amount)

    def give(self, amount: int, priority: int, expires_at: datetime | None = None) -> None:
        end = expires_at or datetime.max.replace(tzinfo=NOW.tzinfo)
        self.lots.append(Bucket((priority, end, len(self.lots)), amount))
        self.collect()

    def collect(self) -> None:
        paid = max(0, min(self.owed, self.posted - self.held))
        self.owed -= paid
        self.take(paid)

    def settle(self, part: Part, state: str, captured: int) -> None:
        part.state, part.captured = state, captured
        self.draw(self.burning(), captured)
        parent = self.holds[part.parent] if part.parent else None
        if parent and parent.state == "open":
            parent.amount += part.amount - captured
        self.collect()

    def clawback(self, amount: int, dispute: Frozen | None) -> int:
        back = dispute.parts if dispute and not dispute.over else {}
        for lot, part in back.items():
            self.lots[lot].remaining += part
        taken = min(amount, self.posted - self.held)
        self.take(taken, {lot: part for lot, part in back.items() if part})
        self.owed += amount - taken
        if dispute:
            dispute.over = dispute.over or "lost"
        self.collect()
        return taken

    def expire(self, now: datetime) -> None:
        covered = self.held
        for lot in self.burning():
            kept = min(covered, lot.remaining)
            covered -= kept
            if lot.rank[1] <= now:
                lot.remaining = kept


class Ledger(RuleBasedStateMachine):
    holds: Bundle[UUID] = Bundle("holds")
    done: Bundle[Door] = Bundle("done")
    disputes: Bundle[str] = Bundle("disputes")
    counted: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        self.workspace_id = Workspace.objects.create(slug=str(uuid7()), name="Machine").id
        self.model = Model()

    def call(self, door: Door, cut: int | None) -> Any:
        """Call a door; with ``cut`` first one that breaks before that statement, after which all must be as before."""
        self.counted[f"calls of {door.func.__name__}" if isinstance(door, partial) else "calls again"] += 1
        if cut is not None:
            before = self.seen()
            left = [cut]

            def wrapper(execute: Any, *args: Any) -> Any:
                left[0] -= 1
                if left[0] <= 0:
                    self.counted[f"broken off before statement {cut:2}"] += 1
                    raise PowerCutError
                return execute(*args)

            # A refusal, or fewer statements than that: then it was whole, and is undone like the others.
            with suppress(PowerCutError, InsufficientCredits, HoldSettled, FreezeMissing), transaction.atomic():
                with connection.execute_wrapper(wrapper):
                    door()
                raise PowerCutError
            assert self.seen() == before
        return door()

    def seen(self) -> Any:
        rows = Hold.objects.for_workspace(self.workspace_id).values_list("id", "amount", "parent", "state", "captured")
        accounts = Account.objects.for_workspace(self.workspace_id)
        return (
            balance_get(workspace_id=self.workspace_id),
            {row[0]: Part(*row[1:]) for row in rows},
            list(Lot.objects.for_workspace(self.workspace_id).order_by("id").values_list("remaining", flat=True)),
            dict(accounts.exclude(kind=AccountKind.WALLET).exclude(posted=0).values_list("kind", "posted")),
        )

    def money(self, name: str, source_id: str, amount: int, **more: Any) -> Door:
        door: Callable[..., object] = getattr(services, f"credits_{name}")
        more = {"source": "machine", "source_id": source_id, "description": name, **more}
        return partial(door, workspace_id=self.workspace_id, amount=amount, **more)

    @rule(target=done, amount=prices, days=st.sampled_from([None, 1, 2, 3]), plan=st.booleans(), cut=breaks)
    def topup(self, amount: int, days: int | None, plan: bool, cut: int | None) -> Door:
        ends = None if days is None else NOW + timedelta(days=days)
        kind = TransactionKind.PLAN if plan else TransactionKind.TOPUP
        door = self.money("topup", str(uuid7()), amount, kind=kind, expires_at=ends)
        self.call(door, cut)
        self.model.give(amount, 2 if plan else 3, ends)
        return door

    @rule(target=done, amount=prices, cut=breaks)
    def grant(self, amount: int, cut: int | None) -> Door:
        door = partial(
            services.credits_grant,
            workspace_id=self.workspace_id,
            amount=amount,
            reason="Gift",
            source="machine",
            source_id=str(uuid7()),
        )
        self.call(door, cut)
        self.model.give(amount, 1)
        return door

    @rule(target=done, amount=prices, cut=breaks)
    def refund(self, amount: int, cut: int | None) -> Door:
        door = self.money("clawback", str(uuid7()), amount)
        assert self.call(door, cut) == self.model.clawback(amount, None)
        return door

    @rule(target=disputes, amount=prices, cut=breaks)
    def freeze(self, amount: int, cut: int | None) -> str:
        dispute = str(uuid7())
        frozen = self.call(self.money("freeze", dispute, amount), cut)
        assert frozen == min(amount, self.model.available)
        self.model.frozen[dispute] = Frozen(amount, self.model.take(frozen))
        return dispute

    @rule(dispute=disputes, cut=breaks)
    def unfreeze(self, dispute: str, cut: int | None) -> None:
        frozen = self.model.frozen[dispute]
        door = self.money("unfreeze", dispute, frozen.asked)
        if frozen.over == "lost":
            with pytest.raises(FreezeMissing):
                self.call(door, cut)
            return
        assert self.call(door, cut) == sum(frozen.parts.values())
        if not frozen.over:
            for lot, part in frozen.parts.items():
                self.model.lots[lot].remaining += part
            self.model.collect()
            frozen.over = "won"

    @rule(target=done, dispute=disputes, amount=prices, cut=breaks)
    def lose(self, dispute: str, amount: int, cut: int | None) -> Door:
        frozen = self.model.frozen[dispute]
        door = self.money("clawback", dispute, amount)
        if frozen.over:  # what comes after the decision is refused or a repeat; not this model's business
            return lambda: None
        assert self.call(door, cut) == self.model.clawback(amount, frozen)
        return door

    @rule(target=done, amount=st.integers(-200, 200).filter(bool), cut=breaks)
    def correct(self, amount: int, cut: int | None) -> Door:
        door = partial(
            services.credits_correct,
            workspace_id=self.workspace_id,
            amount=amount,
            reason="Wrong",
            source_id=str(uuid7()),
            actor_id=UUID(int=1),
        )
        if self.model.available + amount < 0 > amount:
            with pytest.raises(InsufficientCredits):
                self.call(door, cut)
            return lambda: None
        self.call(door, cut)
        if amount > 0:
            self.model.give(amount, 1)
        else:
            self.model.draw(self.model.burning(), -amount)
        return door

    @rule(days=st.integers(0, 4), cut=breaks)
    def expire(self, days: int, cut: int | None) -> None:
        now = NOW + timedelta(days=days)
        self.call(partial(lots_expire, now), cut)
        self.model.expire(now)

    @rule(door=done)
    def replay(self, door: Door) -> None:
        door()

    @rule(target=holds, amount=amounts, cut=breaks)
    def hold(self, amount: int, cut: int | None) -> UUID:
        hold_id = uuid7()
        door = self.hold_door(hold_id, amount)
        if amount <= self.model.available:
            self.call(door, cut)
            self.model.holds[hold_id] = Part(amount)
        else:
            with pytest.raises(InsufficientCredits):
                self.call(door, cut)
        return hold_id

    def hold_door(self, hold_id: UUID, amount: int) -> Door:
        return partial(
            services.credits_hold, workspace_id=self.workspace_id, hold_id=hold_id, amount=amount, description="Quote"
        )

    @rule(target=holds, parent=holds, amount=amounts, cut=breaks)
    def split(self, parent: UUID, amount: int, cut: int | None) -> UUID:
        hold_id = uuid7()
        if (whole := self.model.holds.get(parent)) is None:
            return hold_id
        door = partial(services.hold_split, parent_id=parent, hold_id=hold_id, amount=amount, description="Part")
        refusal: type[Exception] | None = None
        if whole.state != "open":
            refusal = HoldSettled
        elif whole.amount + self.model.available < amount:
            refusal = InsufficientCredits
        if refusal:
            with pytest.raises(refusal):
                self.call(door, cut)
        else:
            self.call(door, cut)
            whole.amount -= min(whole.amount, amount)
            self.model.holds[hold_id] = Part(amount, parent)
        return hold_id

    @rule(hold_id=holds)
    def again(self, hold_id: UUID) -> None:
        if part := self.model.holds.get(hold_id):
            if part.parent:
                services.hold_split(parent_id=part.parent, hold_id=hold_id, amount=part.amount, description="Part")
            else:
                self.hold_door(hold_id, part.amount)()

    @rule(hold_id=holds, amount=amounts, cut=breaks)
    def capture(self, hold_id: UUID, amount: int, cut: int | None) -> None:
        if (part := self.model.holds.get(hold_id)) is None:
            return
        door = partial(services.hold_capture, hold_id=hold_id, amount=amount, description="Charge")
        if part.state == "released":
            with pytest.raises(HoldSettled):
                self.call(door, cut)
            return
        self.call(door, cut)
        if part.state == "open":
            self.model.settle(part, "captured", min(amount, part.amount))

    @rule(hold_id=holds, close=st.booleans(), cut=breaks)
    def release(self, hold_id: UUID, close: bool, cut: int | None) -> None:
        if (part := self.model.holds.get(hold_id)) is None:
            return
        self.call(partial(services.hold_close if close else services.hold_release, hold_id=hold_id), cut)
        if part.state == "open":
            self.model.settle(part, "released", 0)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        self.counted["comparisons of the whole ledger with the model, and audits"] += 1
        model = self.model
        disputed = sum(sum(one.parts.values()) for one in model.frozen.values() if not one.over)
        own = {"receivable": -model.owed, "disputed": disputed}
        assert self.seen() == (
            Balance(model.posted, model.held, model.owed),
            model.holds,
            [lot.remaining for lot in model.lots],
            {kind: amount for kind, amount in own.items() if amount},
        )
        assert model.posted >= model.held >= 0
        connection.check_constraints()
        assert ledger_audit() == []


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_model_of_it() -> None:
    """``pytest -rP`` shows what was counted."""
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=int(os.environ.get("LEDGER_EXAMPLES", "20")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
    sys.stdout.writelines(f"{times:7,} {what}\n" for what, times in sorted(Ledger.counted.items()))
