"""A step that sleeps inside the driver wakes when its run is cancelled, or is another driver's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.driver import Driver
from apps.runs.journal import FenceLost
from apps.runs.lease import lease_take
from apps.runs.models import Run
from tests.runs.graphs import chain
from tests.runs.test_driver import events, start, states

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


def test_step_that_sleeps_in_place_wakes_when_its_run_is_cancelled(make_workflow: Make) -> None:
    run = start(make_workflow(chain(2, sleep_ms=10_000)))
    lease = lease_take(run.id)
    assert lease
    services.run_cancel(run=run)  # after the driver has looked
    begun = time.monotonic()
    Driver(lease).drive()
    assert time.monotonic() - begun < 9, "before its sleep was over"
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert states(run) == {"n0": "cancelled", "n1": "cancelled"}
    assert [kind for _seq, kind in events(run) if kind.startswith("step_")] == [
        "step_started",
        "step_cancelled",
        "step_cancelled",
    ]


def test_step_that_sleeps_for_a_driver_that_lost_its_run_ends_without_a_word(make_workflow: Make) -> None:
    run = start(make_workflow(chain(1, sleep_ms=10_000)))
    lease = lease_take(run.id)
    assert lease
    Run.objects.filter(id=run.id).update(fence=lease.fence + 1)
    begun = time.monotonic()
    with pytest.raises(FenceLost):
        Driver(lease).drive()
    assert time.monotonic() - begun < 9, "before its sleep was over"
    assert states(run) == {}
