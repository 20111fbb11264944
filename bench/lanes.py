"""Whether one workspace's crowd keeps another waiting: `fair`. Whether branches run side by side: `branches`."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from bench.report import Figure
from bench.site import Site

# A run hands out at most a hundred steps at once, so ten thousand wait where a hundred runs do.
CROWD_RUNS, CROWD_STEPS, NEWCOMER_STEPS = 100, 100, 40
SLEEP_MS = 100


def mapped(count: int, sleep_ms: int) -> dict[str, Any]:
    """A text of ``count`` lines and one heavy step per line."""
    lines = "\n".join(f"line {number} of {time.time_ns()}" for number in range(count))
    nodes = [
        {"id": "words", "type": "input.text", "params": {"text": lines}},
        {"id": "split", "type": "flow.split", "params": {}},
        {"id": "each", "type": "test.work", "params": {"sleep_ms": sleep_ms, "$always_new": True}},
    ]
    edges = [
        {"id": "e1", "source": "words", "source_port": "text", "target": "split", "target_port": "text"},
        {"id": "e2", "source": "split", "source_port": "texts", "target": "each", "target_port": "each"},
    ]
    return {"nodes": nodes, "edges": edges}


def bench_fair(site: Site) -> list[Figure]:
    """Ten thousand steps of one workspace wait; another begins: its first step, and its part of the places."""
    crowd, newcomer = site, _another(site)
    workflow = crowd.workflow(mapped(CROWD_STEPS, SLEEP_MS))
    runs = [crowd.post(f"/api/v1/workflows/{workflow}/runs")["id"] for _number in range(CROWD_RUNS)]
    waiting = _await_queue(CROWD_RUNS * CROWD_STEPS)
    claim = _claim_figure(waiting)
    other = newcomer.workflow(mapped(NEWCOMER_STEPS, SLEEP_MS))
    asked = time.time()
    run = newcomer.post(f"/api/v1/workflows/{other}/runs")["id"]
    newcomer.await_end(run, 600)
    first_s, share = _shares(UUID(run), asked)
    left = _queued()
    for one in runs:
        crowd.post(f"/api/v1/runs/{one}/cancel")
    for one in runs:
        crowd.await_end(one, 120)
    how = f"{waiting:,} steps of {SLEEP_MS} ms waited before it came, {left:,} when it was done; 2 places"
    return [
        Figure("fair", "newcomer's run asked for → its first step begun", first_s, 5, "s", how),
        Figure("fair", "newcomer's part of the steps begun while both wait", share * 100, 40, "%", how, at_least=True),
        claim,
    ]


def bench_branches(site: Site) -> list[Figure]:
    """Two branches of five seconds in the `work` lane."""
    nodes = [{"id": name, "type": "test.work", "params": {"sleep_ms": 5000, "$always_new": True}} for name in "ab"]
    run = site.run_to_end(site.workflow({"nodes": nodes, "edges": []}))
    took = datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])
    return [Figure("branches", "two 5 s work branches", took.total_seconds(), 7, "s", "one run, by its own times")]


def _another(site: Site) -> Site:
    """The same site for a person of another workspace."""
    from apps.accounts.models import User
    from apps.common.ids import uuid7
    from apps.workspaces.models import TokenScope
    from apps.workspaces.services import token_issue, workspace_create

    person = User.objects.create_user(email=f"{uuid7()}@example.org", password=None)
    workspace = workspace_create(name="Newcomer", owner_id=person.id)
    scopes = TokenScope.values
    _row, token = token_issue(workspace_id=workspace.id, created_by_id=person.id, name="bench", scopes=scopes, days=1)
    headers = {"Authorization": f"Bearer {token}"}
    return replace(site, token=token, client=httpx.Client(base_url=site.url, headers=headers, timeout=30))


def _await_queue(count: int) -> int:
    """Wait until nearly so many steps lie in the lane (some are done meanwhile); answers how many do."""
    deadline = time.monotonic() + 300
    while (found := _queued()) < count * 0.9 and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _rows(statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _queued() -> int:
    found: int = _rows("SELECT count(*) FROM runs_step WHERE lane = 'work' AND state = 'ready'")[0][0]
    return found


def _shares(run: UUID, asked: float) -> tuple[float, float]:
    """When the run's first step began, seconds after it was asked for; its part of what began until its last."""
    rows = _rows("SELECT started_at FROM runs_step WHERE run_id = %s AND node = 'each' ORDER BY started_at", [run])
    first, last = rows[0][0], rows[-1][0]
    began = _rows("SELECT count(*) FROM runs_step WHERE lane = 'work' AND started_at BETWEEN %s AND %s", [first, last])
    return first.timestamp() - asked, len(rows) / began[0][0]


def _claim_figure(waiting: int) -> Figure:
    """What one claim costs the database, by its own account."""
    from django.db import connection, transaction

    from apps.runs.claims import _CLAIM

    took = []
    parameters = {"lane": "work", "lease": 12, "most": 10**6, "parallel": "{}"}
    for _number in range(21):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + _CLAIM, parameters)
            found = cursor.fetchone()[0]
            transaction.set_rollback(True)
        plan = (json.loads(found) if isinstance(found, str) else found)[0]
        took.append(plan["Execution Time"] + plan["Planning Time"])
    how = f"median of 21 by EXPLAIN ANALYZE, planning included, while up to {waiting:,} wait"
    return Figure("fair", "one claim", sorted(took)[10], 5, "ms", how)
