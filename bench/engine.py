"""How fast the engine is: `fan`, `layers`, `rerun`, `growth`, `small`, `small_http`, `bytes`."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

import websockets

from bench.processes import processor_s
from bench.report import Figure, median
from bench.runs import ENDED, measured, milliseconds, session_cookie
from bench.site import Site, chain, fresh, source
from bench.split import executed, split_measure

SMALL_RUNS = 600
WARM_UP = 80
CLIENTS = 8
Edge = tuple[str, str, str, str]


def _graph(nodes: list[dict[str, Any]], edges: list[Edge]) -> dict[str, Any]:
    rows = [
        {"id": f"e{i}", "source": s, "source_port": sp, "target": t, "target_port": tp}
        for i, (s, sp, t, tp) in enumerate(edges)
    ]
    return {"nodes": nodes, "edges": rows, "variables": fresh()}


def _join(name: str) -> dict[str, Any]:
    """A node that takes any number of values and hands the first one on."""
    return {"id": name, "type": "flow.template", "params": {"template": "{{ value }}"}}


def fan(width: int) -> dict[str, Any]:
    """1 → ``width`` → 1."""
    middle = [f"m{i}" for i in range(width)]
    nodes = [source("first"), *(_join(name) for name in middle), _join("last")]
    edges: list[Edge] = [("first", "number", name, "values") for name in middle]
    return _graph(nodes, edges + [(name, "text", "last", "values") for name in middle])


def layers(depth: int, width: int) -> dict[str, Any]:
    """A number, then ``depth`` layers of ``width``; each node takes two of the layer before."""
    nodes = [source("first"), *(_join(f"n{layer}-{place}") for layer in range(depth) for place in range(width))]
    edges: list[Edge] = [("first", "number", f"n0-{place}", "values") for place in range(width)]
    edges += [
        (f"n{layer - 1}-{before}", "text", f"n{layer}-{place}", "values")
        for layer in range(1, depth)
        for place in range(width)
        for before in (place, (place + 1) % width)
    ]
    return _graph(nodes, edges)


def bench_fan(site: Site) -> list[Figure]:
    """1 → 100 → 1, journalled."""
    took, split = measured(site, fan(100), 20)
    how = "median of 20 runs, until the end is committed, after one to warm up"
    return [Figure("fan", "1 → 100 → 1, start to finish", median(took), 20, "ms", how), split.figure("fan")]


def bench_layers(site: Site) -> list[Figure]:
    """10 layers of 100, two inputs each."""
    took, split = measured(site, layers(10, 100), 10)
    how = "median of 10 runs, until the end is committed, after one to warm up"
    return [Figure("layers", "10 × 100, start to finish", median(took), 150, "ms", how), split.figure("layers")]


def bench_rerun(site: Site) -> list[Figure]:
    """The same again: everything is reused, by a worker that knows the results and by one that must read them."""
    return [
        _rerun(site, "chain of 100, nothing changed", chain(100), 20, 8),
        _rerun(site, "1,000 nodes, nothing changed", layers(10, 100), 10, 40),
    ]


def _rerun(site: Site, what: str, graph: dict[str, Any], count: int, goal: float) -> Figure:
    workflow, variables = site.workflow(graph), fresh()
    executed([UUID(site.run_to_end(workflow, variables)["id"])])
    runs = [site.run_to_end(workflow, variables) for _ in range(count + 1)]
    executed([UUID(run["id"]) for run in runs], cached=True)
    how = f"median of {count} runs, until the end is committed, every step a hit"
    return Figure("rerun", what, median([milliseconds(run) for run in runs[1:]]), goal, "ms", how)


def bench_growth(site: Site) -> list[Figure]:
    """Milliseconds per step of a chain of 10,000 over those of a chain of 100."""
    per_step = {length: _cost(site, length) for length in (100, 1000, 10_000)}
    how = ", ".join(f"{length:,}: {cost * 1000:.0f} µs a step" for length, cost in per_step.items())
    return [Figure("growth", "cost of a step, 10,000 nodes over 100", per_step[10_000] / per_step[100], 1, "×", how)]


def _cost(site: Site, length: int) -> float:
    workflow = site.workflow(chain(length))
    runs = [site.run_to_end(workflow) for _ in range(4)][1:]
    executed([UUID(run["id"]) for run in runs])
    return median([milliseconds(run) for run in runs]) / length


def bench_small(site: Site) -> list[Figure]:
    """3-node runs started through the service by 8 threads, until all are finished."""
    from apps.common.tenancy import scope
    from apps.projects.models import Workflow
    from apps.runs.services import run_start
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    workflow_id = site.workflow(chain(3))
    with scope(workspace.id):
        workflow = Workflow.objects.get(id=workflow_id)

    def start(_: int) -> UUID:
        with scope(workspace.id):
            return run_start(workflow=workflow, actor_id=None, variables=fresh()).id

    load = _load(start)
    split = split_measure(workflow_id, load.queue_ms, runs=100)
    return [load.figure("small", "3-node runs through the service, 8 at once", 300), split.figure("small")]


def bench_small_http(site: Site) -> list[Figure]:
    """3-node runs started by POST from 8 clients, until all are finished."""
    path = f"/api/v1/workflows/{site.workflow(chain(3))}/runs"
    local = threading.local()

    def start(_: int) -> UUID:
        # Not httpx: on two cores it would take from the site what a client in its own place does not.
        if not hasattr(local, "client"):
            local.client = HTTPConnection("127.0.0.1", int(site.url.rpartition(":")[2]), timeout=30)
        headers = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"}
        local.client.request("POST", path, json.dumps({"variables": fresh()}), headers)
        answer = local.client.getresponse()
        body = json.loads(answer.read())
        if answer.status != 202:
            raise RuntimeError(f"{answer.status} {body}")
        return UUID(body["id"])

    return [_load(start).figure("small_http", "3-node runs over HTTP, 8 clients", 200)]


@dataclass(frozen=True)
class Load:
    """Many small runs at once: how many a second, how long they waited, and each process's part of the work."""

    per_s: float
    queue_ms: float
    cpu_ms: dict[str, float]

    def figure(self, bench: str, what: str, goal: float) -> Figure:
        """The rate, with the processor time of one run beside it: that hardly changes with what else runs here."""
        cpu = ", ".join(f"{name} {took:.1f}" for name, took in self.cpu_ms.items() if took >= 0.05)
        how = f"{SMALL_RUNS} runs, first start to last finish; processor ms a run: {cpu}"
        return Figure(bench, what, self.per_s, goal, "runs/s", how, at_least=True, parts=self.cpu_ms)


def _load(start: Callable[[int], UUID]) -> Load:
    with ThreadPoolExecutor(CLIENTS) as pool:
        _await_ends(list(pool.map(start, range(WARM_UP))))
        time.sleep(1)
        before, begun = processor_s(), time.time()
        ids = list(pool.map(start, range(SMALL_RUNS)))
        times = _await_ends(ids)
    cpu = {name: (now - before.get(name, 0.0)) * 1000 / SMALL_RUNS for name, now in processor_s().items()}
    executed(ids)
    queue = median([(began - created).total_seconds() * 1000 for created, began, _ended in times])
    return Load(SMALL_RUNS / (max(ended for *_, ended in times).timestamp() - begun), queue, cpu)


def _await_ends(ids: list[UUID]) -> list[tuple[datetime, datetime, datetime]]:
    from apps.common.tenancy import unscoped
    from apps.runs.models import Run

    deadline = time.monotonic() + 60
    with unscoped("the bench looks at its own runs"):
        runs = Run.objects.filter(id__in=ids)
        while runs.filter(finished_at=None).exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the small runs did not end within 60 s")
            time.sleep(0.1)
        times = list(runs.values_list("created_at", "started_at", "finished_at"))
    assert len(times) == len(ids)
    return times


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
