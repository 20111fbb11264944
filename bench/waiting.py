"""How many jobs at a provider one poller looks after, how late, in how much memory: `waiting`."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import psutil

from bench.report import Figure, percentile
from bench.site import ROOT, VAR, Site
from bench.vendor import LATENCY_S, PREFIX

JOBS = 10_000
PORT = 8797
WARM_UP_S, MEASURED_S = 35.0, 60.0
# Polled often enough to be at the longest interval.
POLLS = 12
# The database notes when each look was due; nothing of ours changes for being measured.
TRIGGER = """
    DROP TABLE IF EXISTS bench_look CASCADE;
    CREATE TABLE bench_look (job text, due timestamptz);
    CREATE OR REPLACE FUNCTION bench_look_note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO bench_look VALUES (NEW.provider_request_id, OLD.poll_after);
            RETURN NULL;
        END
    $$;
    CREATE OR REPLACE TRIGGER bench_look AFTER UPDATE OF polls ON generations_generation
        FOR EACH ROW WHEN (NEW.polls > OLD.polls) EXECUTE FUNCTION bench_look_note();
"""
TRIGGER_OFF = "DROP TRIGGER IF EXISTS bench_look ON generations_generation"


def bench_waiting(site: Site) -> list[Figure]:
    """10,000 jobs under way at a vendor, all at the longest interval, held by the one control worker."""
    process = psutil.Process(json.loads((VAR / "run" / "stack.json").read_text())["parts"]["control"]["pid"])
    before = process.memory_info().rss
    with _vendor() as vendor:
        try:
            _prepare()
            spent, peak = _watch(process)
            seen = vendor.get("/looks", timeout=60).json()
            late = _lateness(seen["looks"])
        finally:
            _clear()
    rate = len(late) / MEASURED_S
    how = (
        f"{len(late):,} looks in {MEASURED_S:.0f} s ({rate:.0f}/s), each an HTTP request answered after {LATENCY_S} s, "
        f"{seen['connections']} connections; from when a look was due until the vendor had the request"
    )
    memory = f"RSS of the control worker, highest of {MEASURED_S:.0f} s; {before / 2**20:.0f} before"
    return [
        Figure("waiting", f"{JOBS:,} jobs in flight: poll lateness, p95", percentile(late, 95), 2, "s", how),
        Figure("waiting", "the same, p99", percentile(late, 99), 2, "s", f"largest {max(late):.2f} s"),
        Figure("waiting", "the poller's memory", peak / 2**20, 300, "MiB", memory),
        Figure(
            "waiting", "the poller's processor", spent * 100, 100, "% of a core", "user and system, the whole worker"
        ),
    ]


@contextlib.contextmanager
def _vendor() -> Iterator[httpx.Client]:
    process = subprocess.Popen([sys.executable, "-m", "bench.vendor", str(PORT)], cwd=ROOT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", trust_env=False) as client:
            for _ in range(100):
                with contextlib.suppress(httpx.ConnectError):
                    client.get("/looks")
                    break
                time.sleep(0.05)
            yield client
    finally:
        process.kill()
        process.wait()


def _watch(process: psutil.Process) -> tuple[float, int]:
    """Processor (parts of a core) and the highest memory (bytes) while everything is measured."""
    time.sleep(WARM_UP_S)
    _query("TRUNCATE bench_look")
    begun, peak = process.cpu_times(), 0
    until = time.monotonic() + MEASURED_S
    while time.monotonic() < until:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.5)
    ended = process.cpu_times()
    _query(TRIGGER_OFF)
    return (ended.user + ended.system - begun.user - begun.system) / MEASURED_S, peak


def _lateness(looks: dict[str, list[float]]) -> list[float]:
    """Seconds from when each look was due until the vendor had the job's next. ``looks`` are the vendor's, in order.

    By time, not by number: a look that never reached the vendor is late by the wait for the one that did, but does
    not make all later ones of its job late.
    """
    found = []
    for job, due in _query("SELECT job, extract(epoch FROM due)::float8 FROM bench_look"):
        seen = looks.get(job, [])
        number = bisect_left(seen, due)
        # The last ones may be on their way.
        if number < len(seen):
            found.append(seen[number] - due)
    return found


def _prepare() -> None:
    from django.utils import timezone

    from apps.common.ids import uuid7
    from apps.generations.models import Generation
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    now = timezone.now()
    _clear()
    _query(TRIGGER)
    rows = []
    for _ in range(JOBS):
        key = uuid7()
        rows.append(
            Generation(
                id=key,
                workspace=workspace,
                kind="video",
                provider="sandbox",
                model="sandbox/video",
                prompt="bench",
                params={"prompt": "a mill in the rain, " * 20, "seconds": 8},
                request_digest=b"0" * 32,
                state="submitted",
                provider_request_id=str(key),
                provider_urls={"status": f"http://127.0.0.1:{PORT}{PREFIX}{key}"},
                hold_id=uuid7(),
                price_low=1,
                price_high=1,
                submitted_at=now - timedelta(minutes=10),
                started_at=now - timedelta(minutes=10),
                polls=POLLS,
                poll_after=now + timedelta(seconds=random.uniform(0, 30)),
                deadline_at=now + timedelta(hours=1),
            )
        )
    Generation.objects.for_workspace(workspace.id).bulk_create(rows, batch_size=1000)


def _clear() -> None:
    _query(TRIGGER_OFF)
    _query("DELETE FROM generations_generation WHERE prompt = 'bench'")


def _query(text: str) -> list[Any]:
    from django.db import connection

    from apps.common.tenancy import unscoped

    with unscoped("a benchmark counts and clears its rows"), connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else []
