"""Whatever is called in whatever order, and again: the ledger agrees with a model of a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from apps.billing.audit import ledger_audit
from apps.billing.models import Hold
from apps.billing.services import (
    Balance,
    HoldSettled,
    InsufficientCredits,
    balance_get,
    credits_grant,
    credits_hold,
    hold_capture,
    hold_close,
    hold_release,
    hold_split,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

amounts = st.integers(0, 100)


@dataclass
class Part:
    amount: int
    parent: UUID | None = None
    state: str = "open"
    captured: int = 0


class Ledger(RuleBasedStateMachine):
    holds: Bundle[UUID] = Bundle("holds")
    sources: Bundle[tuple[str, int]] = Bundle("sources")

    @initialize()
    def begin(self) -> None:
        self.workspace_id = Workspace.objects.create(slug=str(uuid7()), name="Machine").id
        self.posted = 0
        self.model: dict[UUID, Part] = {}
        self.granted: set[str] = set()

    @property
    def held(self) -> int:
        return sum(part.amount for part in self.model.values() if part.state == "open")

    @rule(target=sources, amount=st.integers(1, 200))
    def grant(self, amount: int) -> tuple[str, int]:
        source = str(uuid7())
        self.grant_again((source, amount))
        self.posted += amount
        return source, amount

    @rule(source=sources)
    def grant_again(self, source: tuple[str, int]) -> None:
        credits_grant(
            workspace_id=self.workspace_id, amount=source[1], reason="Gift", source="machine", source_id=source[0]
        )

    @rule(target=holds, amount=amounts, of_run=st.booleans())
    def hold(self, amount: int, of_run: bool) -> UUID:
        hold_id = uuid7()
        if amount <= self.posted - self.held:
            self.model[hold_id] = Part(amount)
            self._hold(hold_id, amount)
        else:
            with pytest.raises(InsufficientCredits):
                self._hold(hold_id, amount)
        return hold_id

    def _hold(self, hold_id: UUID, amount: int) -> None:
        credits_hold(workspace_id=self.workspace_id, hold_id=hold_id, amount=amount, description="Quote")

    @rule(target=holds, parent=holds, amount=amounts)
    def split(self, parent: UUID, amount: int) -> UUID:
        hold_id = uuid7()
        if (whole := self.model.get(parent)) is None:
            return hold_id
        refusal: type[Exception] | None = None
        if whole.state != "open":
            refusal = HoldSettled
        elif whole.amount + self.posted - self.held < amount:
            refusal = InsufficientCredits
        if refusal:
            with pytest.raises(refusal):
                self._split(parent, hold_id, amount)
        else:
            whole.amount -= min(whole.amount, amount)
            self.model[hold_id] = Part(amount, parent)
            self._split(parent, hold_id, amount)
        return hold_id

    def _split(self, parent: UUID, hold_id: UUID, amount: int) -> None:
        hold_split(parent_id=parent, hold_id=hold_id, amount=amount, description="Part")

    @rule(hold_id=holds)
    def again(self, hold_id: UUID) -> None:
        if part := self.model.get(hold_id):
            if part.parent:
                self._split(part.parent, hold_id, part.amount)
            else:
                self._hold(hold_id, part.amount)

    def _settle(self, part: Part, state: str, captured: int) -> None:
        part.state, part.captured = state, captured
        self.posted -= captured
        parent = self.model[part.parent] if part.parent else None
        if parent and parent.state == "open":
            parent.amount += part.amount - captured

    @rule(hold_id=holds, amount=amounts)
    def capture(self, hold_id: UUID, amount: int) -> None:
        if (part := self.model.get(hold_id)) is None:
            return
        if part.state == "released":
            with pytest.raises(HoldSettled):
                hold_capture(hold_id=hold_id, amount=amount, description="Charge")
            return
        if part.state == "open":
            self._settle(part, "captured", min(amount, part.amount))
        hold_capture(hold_id=hold_id, amount=amount, description="Charge")

    @rule(hold_id=holds, close=st.booleans())
    def release(self, hold_id: UUID, close: bool) -> None:
        if (part := self.model.get(hold_id)) is None:
            return
        if part.state == "open":
            self._settle(part, "released", 0)
        (hold_close if close else hold_release)(hold_id=hold_id)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        assert balance_get(workspace_id=self.workspace_id) == Balance(self.posted, self.held)
        assert self.posted >= self.held >= 0
        rows = Hold.objects.for_workspace(self.workspace_id).values_list("id", "amount", "parent", "state", "captured")
        assert {row[0]: Part(*row[1:]) for row in rows} == self.model

    def teardown(self) -> None:
        connection.check_constraints()
        assert ledger_audit() == []


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_model_of_it() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
