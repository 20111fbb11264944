"""How long runs stand still when the worker that drives them is killed: `crash`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from uuid import UUID

import psutil

from bench.report import Figure, percentile
from bench.site import VAR, Site, chain, fresh

KILLS = 8
# Fewer than the control worker has threads, so that none waits for another.
RUNS = 5
STEPS, STEP_MS = 600, 150
# Under way again, every run makes so many events before the next kill.
EVENTS = 10
# What the dead worker had sent to the database may still be committed; a new one takes longer than this to begin.
SETTLES_S = 0.4
LOOKS_S = 0.05
PATIENCE_S = 90.0


def bench_crash(site: Site) -> list[Figure]:
    """SIGKILL of the worker that holds runs: until each run's next event."""
    workflow = site.workflow(chain(STEPS, sleep_ms=STEP_MS, **{"$always_new": True}))
    begun = [site.post(f"/api/v1/workflows/{workflow}/runs", {"variables": fresh()})["id"] for _ in range(RUNS)]
    runs = [UUID(run) for run in begun]
    try:
        gaps = [gap for _ in range(KILLS) for gap in _crash(runs)]
    finally:
        for run in begun:
            site.post(f"/api/v1/runs/{run}/cancel")
    how = (
        f"{KILLS} kills of the control worker with its children while it drives {RUNS} runs: {len(gaps)} gaps "
        f"until a run's next event is committed; p50 {percentile(gaps, 50):.1f}, slowest {max(gaps):.1f}"
    )
    return [Figure("crash", "worker killed → run moves again, p95", percentile(gaps, 95), 20, "s", how)]


def _crash(runs: list[UUID]) -> list[float]:
    """Kill once, when all runs are well under way; seconds until each was seen to move again."""
    _await_events({run: seq + EVENTS for run, seq in _seqs(runs).items()})
    parts = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    worker = psutil.Process(int(parts["control"]["pid"]))
    for process in (*worker.children(recursive=True), worker):
        os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    time.sleep(SETTLES_S)
    moved = _await_events({run: seq + 1 for run, seq in _seqs(runs).items()})
    gaps = [at - killed for at in moved.values()]
    print(f"  moved again after {', '.join(f'{gap:.1f}' for gap in sorted(gaps))} s", file=sys.stderr, flush=True)
    return gaps


def _await_events(wanted: dict[UUID, int]) -> dict[UUID, float]:
    """When each run was seen to have that event, by the monotonic clock."""
    deadline, seen = time.monotonic() + PATIENCE_S, dict[UUID, float]()
    while missing := [run for run in wanted if run not in seen]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(missing)} runs did not move within {PATIENCE_S:.0f} s")
        seen |= {run: time.monotonic() for run, seq in _seqs(missing).items() if seq >= wanted[run]}
        time.sleep(LOOKS_S)
    return seen


def _seqs(runs: list[UUID]) -> dict[UUID, int]:
    from apps.common.tenancy import unscoped
    from apps.runs.models import Run

    with unscoped("the bench looks at its own runs"):
        return dict(Run.objects.filter(id__in=runs).values_list("id", "last_seq"))
