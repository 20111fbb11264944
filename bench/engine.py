"""How fast the engine is: `fan`, `layers`, `growth`, `small`, `small_http`, `bytes`, `crash`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import psutil
import websockets

from bench.report import Figure, median, percentile
from bench.runs import ENDED, session_cookie
from bench.site import VAR, Site, chain

SMALL_RUNS = 400
CLIENTS = 8
KILLS = 20
Edge = tuple[str, str, str, str]


def _graph(nodes: list[dict[str, Any]], edges: list[Edge]) -> dict[str, Any]:
    rows = [
        {"id": f"e{i}", "source": s, "source_port": sp, "target": t, "target_port": tp}
        for i, (s, sp, t, tp) in enumerate(edges)
    ]
    return {"nodes": nodes, "edges": rows}


def _join(name: str) -> dict[str, Any]:
    """A node that takes any number of values."""
    return {"id": name, "type": "flow.template", "params": {"template": "x"}}


def fan(width: int) -> dict[str, Any]:
    """1 → ``width`` → 1."""
    middle = [f"m{i}" for i in range(width)]
    nodes = [_join("first"), *(_join(name) for name in middle), _join("last")]
    edges: list[Edge] = [("first", "text", name, "values") for name in middle]
    return _graph(nodes, edges + [(name, "text", "last", "values") for name in middle])


def layers(depth: int, width: int) -> dict[str, Any]:
    """``depth`` layers of ``width``; each node takes two of the layer before."""
    nodes = [_join(f"n{layer}-{place}") for layer in range(depth) for place in range(width)]
    edges: list[Edge] = [
        (f"n{layer - 1}-{source}", "text", f"n{layer}-{place}", "values")
        for layer in range(1, depth)
        for place in range(width)
        for source in (place, (place + 1) % width)
    ]
    return _graph(nodes, edges)


def _milliseconds(run: dict[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (ended - begun).total_seconds() * 1000


def _durations(site: Site, graph: dict[str, Any], runs: int) -> list[float]:
    workflow = site.workflow(graph)
    return [_milliseconds(site.run_to_end(workflow)) for _ in range(runs + 1)][1:]


def bench_fan(site: Site) -> list[Figure]:
    """1 → 100 → 1, journalled."""
    how = "median of 20 runs by the run's own times, after one to warm up"
    return [Figure("fan", "1 → 100 → 1, start to finish", median(_durations(site, fan(100), 20)), 20, "ms", how)]


def bench_layers(site: Site) -> list[Figure]:
    """10 layers of 100, two inputs each."""
    how = "median of 10 runs by the run's own times, after one to warm up"
    return [
        Figure("layers", "10 × 100, start to finish", median(_durations(site, layers(10, 100), 10)), 150, "ms", how)
    ]


def bench_growth(site: Site) -> list[Figure]:
    """Milliseconds per step of a chain of 10,000 over those of a chain of 100."""
    per_step = {length: median(_durations(site, chain(length), 3)) / length for length in (100, 1000, 10_000)}
    how = ", ".join(f"{length:,}: {cost * 1000:.0f} µs a step" for length, cost in per_step.items())
    return [Figure("growth", "cost of a step, 10,000 nodes over 100", per_step[10_000] / per_step[100], 1, "×", how)]


def bench_small(site: Site) -> list[Figure]:
    """3-node runs started through the service by 8 threads, until all are finished."""
    from apps.common.tenancy import scope
    from apps.projects.models import Workflow
    from apps.runs.services import run_start
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    with scope(workspace.id):
        workflow = Workflow.objects.get(id=site.workflow(chain(3)))

    def start(_: int) -> None:
        with scope(workspace.id):
            run_start(workflow=workflow, actor_id=None)

    start(0)
    rate = _rate(workspace.id, start)
    how = f"{SMALL_RUNS} runs, first start to last finish"
    return [Figure("small", "3-node runs through the service, 8 at once", rate, 300, "runs/s", how, at_least=True)]


def bench_small_http(site: Site) -> list[Figure]:
    """3-node runs started by POST from 8 clients, until all are finished."""
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    path = f"/api/v1/workflows/{site.workflow(chain(3))}/runs"
    local = threading.local()

    def start(_: int) -> None:
        if not hasattr(local, "client"):
            local.client = httpx.Client(base_url=site.url, headers=site.client.headers, timeout=30)
        local.client.post(path, json={}).raise_for_status()

    start(0)
    rate = _rate(workspace.id, start)
    how = f"{SMALL_RUNS} runs, first POST to last finish"
    return [Figure("small_http", "3-node runs over HTTP, 8 clients", rate, 200, "runs/s", how, at_least=True)]


def _rate(workspace_id: Any, start: Any) -> float:
    from apps.runs.models import Run

    time.sleep(1)
    before = Run.objects.for_workspace(workspace_id).count()
    begun = time.time()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(start, range(SMALL_RUNS)))
    runs = Run.objects.for_workspace(workspace_id).order_by("-created_at")[:SMALL_RUNS]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ends = [run.finished_at for run in runs.all()]
        if all(ends):
            assert Run.objects.for_workspace(workspace_id).count() == before + SMALL_RUNS
            return float(SMALL_RUNS / (max(end.timestamp() for end in ends if end) - begun))
        time.sleep(0.1)
    raise TimeoutError("the small runs did not end within 60 s")


def bench_bytes(site: Site) -> list[Figure]:
    """What one watcher is sent for a run of 1,000 nodes, from its first event to its end."""
    total = asyncio.run(_bytes(site, site.workflow(layers(10, 100))))
    return [
        Figure("bytes", "on the socket, a run of 1,000 nodes", total / 2**20, 1, "MiB", "one watcher, before deflate")
    ]


async def _bytes(site: Site, workflow: str) -> int:
    run = await asyncio.to_thread(site.post, f"/api/v1/workflows/{workflow}/runs")
    url = f"{site.url.replace('http', 'ws', 1)}/ws/w/demo/runs/{run['id']}/"
    cookie = await asyncio.to_thread(session_cookie)
    total = 0
    async with websockets.connect(url, additional_headers={"Cookie": cookie}, origin=site.url, max_size=None) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"after": 0}))
        while True:
            text: Any = await asyncio.wait_for(socket.recv(), 30)
            total += len(text.encode())
            if ENDED.search(text):
                return total


def bench_crash(site: Site) -> list[Figure]:
    """SIGKILL of the worker that holds a run: until the run's next event."""
    workflow = site.workflow(chain(400, sleep_ms=150, **{"$always_new": True}))
    gaps = [_crash(site, workflow) for _ in range(KILLS)]
    how = (
        f"{KILLS} kills of the control worker with its children while it drives a run, each a run of its own; "
        f"p50 {percentile(gaps, 50):.1f}, slowest {max(gaps):.1f}"
    )
    return [Figure("crash", "worker killed → run moves again, p95", percentile(gaps, 95), 20, "s", how)]


def _await_drive(site: Site, run: str) -> None:
    """Until the run is well under way in the hands of a worker."""
    deadline = time.monotonic() + 60
    while site.get(f"/api/v1/runs/{run}")["last_seq"] < 10:
        if time.monotonic() > deadline:
            raise TimeoutError("the run did not begin within 60 s")
        time.sleep(0.1)


def _crash(site: Site, workflow: str) -> float:
    run = site.post(f"/api/v1/workflows/{workflow}/runs")
    _await_drive(site, run["id"])
    parts = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    worker = psutil.Process(int(parts["control"]["pid"]))
    for process in (*worker.children(recursive=True), worker):
        os.kill(process.pid, signal.SIGKILL)
    killed = time.time()
    seq = site.get(f"/api/v1/runs/{run['id']}")["last_seq"]
    while time.time() - killed < 60:
        if site.get(f"/api/v1/runs/{run['id']}")["last_seq"] > seq:
            site.post(f"/api/v1/runs/{run['id']}/cancel")
            return time.time() - killed
        time.sleep(0.1)
    raise TimeoutError("the run did not move within 60 s")
