"""An order whose sender died before it left: nobody waits in vain for what the vendor never got."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone

from apps.billing.services import balance_get, credits_grant
from apps.generations.execution import timing
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_start
from apps.sandbox.models import Submission
from apps.workspaces.models import Workspace
from tests.live_stack import LiveStack

GRANTED = 10**9


def _await_state(row: Generation, states: set[str], within_s: float) -> float:
    """Seconds until the row is in one of these states."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        row.refresh_from_db()
        if row.state in states:
            return time.monotonic() - begun
        time.sleep(0.1)
    raise AssertionError(f"still {row.state} after {within_s} s")


@pytest.mark.timeout(240)
def test_order_that_never_left_is_closed(live_stack: LiveStack, workspace: Workspace) -> None:
    """The vendor stands still, so the POST hangs; then sender and vendor are killed, and the order with them."""
    credits_grant(workspace_id=workspace.id, amount=GRANTED, reason="test", source="test", source_id="unsent")
    web = live_stack.pid("web")
    os.kill(web, signal.SIGSTOP)
    try:
        row = generation_start(
            workspace_id=workspace.id, project_id=None, model="sandbox/image", params={"prompt": "a mill", "seed": 1}
        )
        _await_state(row, {GenerationState.SUBMITTING}, 30)
        io = live_stack.pid("io")
        live_stack.kill("io")
    finally:
        psutil.Process(web).kill()
    live_stack.await_part("web", not_pid=web, timeout_s=60)
    live_stack.await_part("io", not_pid=io, timeout_s=60)
    assert not Submission.objects.exists()
    # Its sender is known to be dead soon, long before the POST's own limit.
    _await_state(row, {GenerationState.UNKNOWN}, 45)
    rows = Generation.objects.for_workspace(workspace.id).filter(id=row.id)
    # The wait until no POST can be under way any more, cut short.
    long_ago = timezone.now() - timing.NEVER_ARRIVED
    rows.update(submitted_at=long_ago, poll_after=long_ago + timedelta(seconds=1))
    _await_state(row, {GenerationState.FAILED}, 45)
    assert row.error_code == "lost"
    balance = balance_get(workspace_id=workspace.id)
    assert (balance.posted, balance.held) == (GRANTED, 0)
