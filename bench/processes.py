"""How much memory the site takes, idle and after a load: `memory`; and how much processor time."""

from __future__ import annotations

import json
import time

import psutil

from bench.report import Figure
from bench.site import VAR, Site, stack

# After a start the workers still connect and beat sends its first round.
SETTLED_S = 15
PARTS = ("web", "control", "io", "work", "beat")


def bench_memory(site: Site) -> list[Figure]:
    """Each process of ours after a fresh start, then after hundreds of small runs over HTTP and large ones."""
    from bench import engine

    stack("down")
    stack("up")
    time.sleep(SETTLED_S)
    idle = _figures("idle", 150, f"RSS {SETTLED_S} s after a start")
    engine.bench_small_http(site)
    engine.bench_layers(site)
    return idle + _figures("after the load", 250, "RSS after small_http and layers")


def _figures(when: str, goal: float, how: str) -> list[Figure]:
    parts = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    figures = []
    for name in PARTS:
        process = psutil.Process(parts[name]["pid"])
        figures.append(_figure(f"{name}, {when}", process, goal, how))
        children = enumerate(process.children(), 1)
        figures += [_figure(f"{name}, child {n}, {when}", child, goal, how) for n, child in children]
    return figures


def processor_s() -> dict[str, float]:
    """Processor seconds of each part of the stack with its children, and of this process, so far."""
    parts = json.loads((VAR / "run" / "stack.json").read_text())["parts"]
    return {**{name: _processor_s(part["pid"]) for name, part in parts.items()}, "clients": _own_s(psutil.Process())}


def _processor_s(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(_own_s(one) for one in (process, *process.children(recursive=True)))


def _own_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _figure(what: str, process: psutil.Process, goal: float, how: str) -> Figure:
    """RSS counts a shared page whole in each process, PSS its part, USS only what nobody shares (proc(5))."""
    memory = process.memory_full_info()
    how = f"{how}; PSS {memory.pss / 2**20:.0f}, USS {memory.uss / 2**20:.0f}"
    return Figure("memory", what, memory.rss / 2**20, goal, "MiB", how)
