"""Where the time of a run goes: database, serialisation, node, messages, and what is left for our own code.

Runs are started and driven in this process, by the code that serves and drives them elsewhere, with a clock around
psycopg, ``json``, the nodes and what is sent to Redis. How long a run waits for a driver is read from runs that went
through the real queue and workers.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

from bench.report import Figure, median
from bench.site import fresh

# Messages of runs that are driven here go to a queue that no worker reads.
NOWHERE = "bench"
PARTS = ("database", "serialisation", "node", "messages")


class Clock:
    """Time by part, seconds. What a part spends inside another one counts for the inner one only."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._inner = [0.0]

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` with this clock around it."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - begun
                self.spent[part] += took - self._inner.pop()
                self._inner[-1] += took
                self.calls[part] += 1

        return timed


@dataclass(frozen=True)
class Split:
    """Medians of one kind of run, milliseconds: the driver's parts, starting it, and its wait for a driver."""

    drive: dict[str, float]
    start: dict[str, float]
    queue: float
    statements: tuple[int, int]

    def figure(self, bench: str) -> Figure:
        """One row: the driver's time with its parts beside it."""
        started, driven = self.statements
        how = (
            f"{_said(self.drive)}; {driven} statements. Before it: the service {_said(self.start)}, "
            f"{started} statements; queue {self.queue:.1f} (created → driver began)"
        )
        parts = {**self.drive, **{f"service {name}": took for name, took in self.start.items()}, "queue": self.queue}
        return Figure(bench, "where the driver's time goes", sum(self.drive.values()), None, "ms", how, parts=parts)


def _said(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {took:.1f}" for name, took in parts.items())


def split_measure(workflow_id: str, queue_ms: float, runs: int = 15) -> Split:
    """Start and drive ``runs`` runs of a workflow in this process, each with work of its own."""
    from apps.common.tenancy import scope
    from apps.projects.models import Workflow
    from apps.runs import driver, services
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    starts, drives, calls = [], [], (0, 0)
    with scope(workspace.id):
        workflow = Workflow.objects.get(id=workflow_id)
        for _ in range(runs + 1):
            variables, clocks = fresh(), (Clock(), Clock())
            with _clocked(clocks[0]):
                start = partial(services.run_start, workflow=workflow, actor_id=None, variables=variables)
                started, run = _took(start)
            with _clocked(clocks[1]):
                driven, _sent = _took(partial(driver.advance, run.id))
            starts.append(_parts(clocks[0], started))
            drives.append(_parts(clocks[1], driven))
            calls = (clocks[0].calls["database"], clocks[1].calls["database"])
    _forget_messages()
    return Split(_medians(drives[1:]), _medians(starts[1:]), queue_ms, calls)


def _took(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = work()
    return time.perf_counter() - begun, answer


def _parts(clock: Clock, total: float) -> dict[str, float]:
    parts = {part: clock.spent[part] * 1000 for part in PARTS}
    return {**parts, "rest": total * 1000 - sum(parts.values())}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: median([row[name] for row in rows]) for name in rows[0]}


@contextmanager
def _clocked(clock: Clock) -> Iterator[None]:
    """The clock around everything that is told apart, and messages sent where no worker reads them."""
    import psycopg

    from apps.common import live
    from apps.common.lanes import lane_length
    from apps.nodes.registry import NODES, node_type_get
    from apps.runs import fingerprints, journal, services, tasks

    def begin_nowhere(run_id: UUID) -> None:
        lane_length("starts")
        begin_runs.apply_async(kwargs={"run_id": str(run_id)}, queue=NOWHERE)

    begin_runs: Any = tasks.begin_runs
    publisher = live.publisher()
    with ExitStack() as stack:
        stack.enter_context(patch.object(services, "begin", clock.around("messages", begin_nowhere)))
        for place, name, part in (
            (psycopg.Cursor, "execute", "database"),
            (psycopg.Cursor, "fetchall", "fetching"),
            (psycopg.Connection, "commit", "committing"),
            (json, "dumps", "serialisation"),
            (json, "loads", "serialisation"),
            (journal, "json_text", "serialisation"),
            (fingerprints, "json_bytes", "serialisation"),
            (publisher, "publish", "messages"),
        ):
            stack.enter_context(patch.object(place, name, clock.around(part, getattr(place, name))))
        for name in NODES:
            node: Any = node_type_get(name)
            run = node.run
            object.__setattr__(node, "run", clock.around("node", run))
            stack.callback(object.__setattr__, node, "run", run)
        yield
    clock.spent["database"] += clock.spent.pop("fetching", 0.0) + clock.spent.pop("committing", 0.0)


def _forget_messages() -> None:
    from celery import current_app

    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.queue_purge(NOWHERE)


def executed(run_ids: list[UUID], *, cached: bool = False) -> None:
    """Fail unless every step of these runs was really done (or, with ``cached``, none was)."""
    from apps.common.tenancy import unscoped
    from apps.runs.models import Step

    wanted = "cached" if cached else "completed"
    with unscoped("the bench looks at its own runs"):
        found = set(Step.objects.filter(run_id__in=run_ids).values_list("state", flat=True).distinct())
    if found != {wanted}:
        raise AssertionError(f"the steps ended as {sorted(found)}; this bench is about {wanted} ones")
