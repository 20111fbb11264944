"""What waiting costs, and how late sleepers wake: `sleepers`."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import psutil

from bench.report import Figure, percentile
from bench.site import VAR, Site, stack

SLEEPERS = 1000
CLIENTS = 8
# Time to fall asleep, with much to spare on a busy machine; and to stop and start everything.
NIGHT_S, RESTART_S = 25, 20
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "n", "type": "input.number", "params": {"number": 1}},
        {"id": "wait", "type": "flow.wait", "params": {"seconds": {"$variable": "seconds"}}},
        {"id": "then", "type": "test.pass", "params": {}},
    ],
    "edges": [
        {"id": "a", "source": "n", "source_port": "number", "target": "wait", "target_port": "value"},
        {"id": "b", "source": "wait", "source_port": "value", "target": "then", "target_port": "value"},
    ],
    "variables": {"seconds": 1},
}


def bench_sleepers(site: Site) -> list[Figure]:
    """1,000 sleeping runs: what they hold, and how late the step after the pause is done."""
    workflow = site.workflow(GRAPH)
    before = _memory()
    spread = _night(workflow, window_s=10, restart=False)
    held, figures = spread.pop("held"), []
    how = f"{SLEEPERS:,} runs asleep: RSS of web, three workers and beat, less what it was before"
    figures.append(Figure("sleepers", "memory that sleepers hold", max(0.0, held - before), 50, "MiB", how))
    figures += _lateness("all ring within 10 s", spread["late"])
    figures += _lateness("all ring within 10 s, everything restarted meanwhile", _night(workflow, 10, True)["late"])
    figures += _lateness("all ring at one moment", _night(workflow, 0, False)["late"])
    return figures


def _lateness(what: str, late: list[float]) -> list[Figure]:
    how = f"{len(late):,} runs, until the step after the pause is done; p50 {percentile(late, 50):.2f} s"
    return [
        Figure("sleepers", f"{what}, late by, p95", percentile(late, 95), 2, "s", how),
        Figure("sleepers", f"{what}, late by, at most", max(late), 2, "s", how),
    ]


def _memory() -> float:
    """RSS of every process of ours, MiB."""
    parts = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    processes = [psutil.Process(parts[name]["pid"]) for name in ("web", "control", "io", "work", "beat")]
    everyone = [one for process in processes for one in (process, *process.children(recursive=True))]
    return float(sum(one.memory_info().rss for one in everyone) / 2**20)


def _night(workflow: str, window_s: float, restart: bool) -> dict[str, Any]:
    """Let them fall asleep and wake; memory while all sleep, and how late each woke, seconds."""
    from django.db import connection
    from django.db.backends.postgresql.base import DatabaseWrapper
    from django.utils import timezone

    from apps.runs.models import Run, Step

    dawn = timezone.now() + timedelta(seconds=NIGHT_S + RESTART_S * restart)
    ids = _asleep(workflow, dawn, window_s)
    held = _memory()
    if restart:
        connection.close()
        cast(DatabaseWrapper, connection).close_pool()  # else it tries dead connections again at growing intervals
        stack("down")
        stack("up")
    time.sleep(max(0.0, (dawn - timezone.now()).total_seconds() + window_s + 1))
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with _unscoped():
            if not Run.objects.filter(id__in=ids, finished_at=None).exists():
                break
        time.sleep(0.5)
    with _unscoped():
        ends = dict(Step.objects.filter(run_id__in=ids, node="then").values_list("run_id", "finished_at"))
    lost = [run for run in ids if run not in ends]
    assert not lost, f"{len(lost)} of the sleepers did not wake"
    return {"held": held, "late": [(ends[run] - due).total_seconds() for run, due in ids.items()]}


def _asleep(workflow: str, dawn: datetime, window_s: float) -> dict[UUID, datetime]:
    """When each run is to wake. Answers once all sleep."""
    from django.db import connection
    from django.utils import timezone

    from apps.common.tenancy import scope
    from apps.projects.models import Workflow
    from apps.runs.models import Run, Step
    from apps.runs.services import run_start

    with _unscoped():
        row = Workflow.objects.select_related("workspace").get(id=workflow)

    def start(number: int) -> UUID:
        due = dawn + timedelta(seconds=window_s * number / SLEEPERS)
        try:
            with scope(row.workspace_id):
                left = (due - timezone.now()).total_seconds()
                return UUID(str(run_start(workflow=row, actor_id=None, variables={"seconds": left}).id))
        finally:
            connection.close()  # back to the pool: the thread ends before the next night

    with ThreadPoolExecutor(CLIENTS) as pool:
        ids = list(pool.map(start, range(SLEEPERS)))
    deadline = time.monotonic() + NIGHT_S
    with _unscoped():
        while Run.objects.filter(id__in=ids).exclude(state="waiting").exists():
            assert time.monotonic() < deadline, "they do not fall asleep"
            time.sleep(0.5)
        # The pause counts from the moment at which the step began, a little after its run was asked for.
        steps = Step.objects.filter(run_id__in=ids, node="wait").values_list("run_id", "wake_at")
        return {run: at for run, at in steps if at is not None}


def _unscoped() -> Any:
    from apps.common.tenancy import unscoped

    return unscoped("a benchmark looks at its own runs")
