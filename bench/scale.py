"""The same run over one, two and three worker hosts with one database, queue and store, one host killed: `scale`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.host import relay_out
from bench.report import Figure
from bench.site import ROOT, VAR, Site, stack
from deploy.stack.processes import LAUNCHER

HOSTS = ("north", "south", "east")
STEPS = 48
STEP_MS = 1000
PATIENCE_S = 180.0
# The database notes who took and who settled each step of the work lane: each host has a name on its connections.
NOTES = """
    DROP TABLE IF EXISTS bench_step CASCADE;
    CREATE TABLE bench_step (run_id uuid, node text, state text, host text, at timestamptz);
    CREATE OR REPLACE FUNCTION bench_step_note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO bench_step
            VALUES (NEW.run_id, NEW.node, NEW.state, current_setting('application_name'), clock_timestamp());
            RETURN NULL;
        END
    $$;
    CREATE OR REPLACE TRIGGER bench_step AFTER UPDATE OF state ON runs_step
        FOR EACH ROW WHEN (NEW.type = 'test.work') EXECUTE FUNCTION bench_step_note();
"""
NOTES_OFF = "DROP TRIGGER IF EXISTS bench_step ON runs_step; DROP TABLE IF EXISTS bench_step"
# A namespace of its own for network, name and processes, which dies as a whole. With its own /proc: a worker asks there
# what its children use, and would else be told about strangers.
UNSHARE = ("unshare", "--net", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child=KILL")


class Hosts:
    """Worker hosts beside the servers of one stack; ``log`` has a file per host."""

    def __init__(self, addresses: dict[str, str], var: Path, lanes: str = "control io work") -> None:
        self.log = var / "hosts"
        self.separate = _can_separate()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._relays: dict[int, str] = {}
        self._var, self._lanes, self._addresses = var, lanes, addresses
        shutil.rmtree(self.log, ignore_errors=True)
        self.log.mkdir(parents=True)

    def start(self, name: str) -> None:
        """Start a host."""
        if self.separate and not self._relays:
            self._serve()
        named = f"{self._addresses['DATABASE_URL']}?application_name={name}"
        own = {"DATABASE_URL": named, "MILLRACE_VAR": str(self._var)}
        environment = {**os.environ, **self._addresses, **own}
        command = [sys.executable, "-m", "bench.host", name, self._lanes, json.dumps(self._relays)]
        if self.separate:
            command = [str(shutil.which("unshare")), *UNSHARE[1:], *command]
        # Tied to this process: a bench that is killed leaves no host behind.
        death = str(int(signal.SIGKILL))
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), death, "-", "-", *command]
        with open(self.log / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """SIGKILL to everything on a host at once: with its first process a namespace ends, else it is the group."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def ready(self, name: str) -> bool:
        """Whether each of its workers listens."""
        text = (self.log / f"{name}.log").read_text(errors="replace")
        return text.count(" ready.") >= len(self._lanes.split())

    def _serve(self) -> None:
        """One file per server, in a thread that ends with this process."""
        ports = {urlsplit(url).port for url in self._addresses.values() if "://" in url}
        self._relays = {port: str(self.log / f"{port}") for port in ports if port}
        opened = threading.Event()

        async def serve() -> None:
            for port, path in self._relays.items():
                await relay_out(port, path)
            opened.set()
            await asyncio.Event().wait()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True, name="relays").start()
        opened.wait(10)


def _can_separate() -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    return False


@contextlib.contextmanager
def hosts_open(hosts: Hosts, names: tuple[str, ...]) -> Iterator[Hosts]:
    """These hosts, running and listening; killed in the end."""
    try:
        for name in names:
            hosts.start(name)
        deadline = time.monotonic() + PATIENCE_S
        while not all(hosts.ready(name) for name in names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the hosts did not start; see {hosts.log.relative_to(ROOT)}")
            time.sleep(0.2)
        yield hosts
    finally:
        for name in list(hosts.running):
            hosts.kill(name)


def wide(steps: int, step_ms: int) -> dict[str, Any]:
    """One value, and ``steps`` of the work lane side by side that take it."""
    work = {"sleep_ms": step_ms, "$always_new": True}
    nodes = [{"id": "first", "type": "test.pass", "params": {}}]
    nodes += [{"id": f"w{i}", "type": "test.work", "params": work} for i in range(steps)]
    edges = [
        {"id": f"e{i}", "source": "first", "source_port": "value", "target": f"w{i}", "target_port": "value"}
        for i in range(steps)
    ]
    return {"nodes": nodes, "edges": edges}


def bench_scale(site: Site) -> list[Figure]:
    """Servers and web from the stack; workers only on the hosts."""
    from django.conf import settings

    names = ("REDIS_URL", "S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET", "SECRET_KEY")
    addresses = {"DATABASE_URL": settings.DATABASE_URL, **{name: str(getattr(settings, name)) for name in names}}
    addresses["SANDBOX_URL"] = site.url
    workflow = site.workflow(wide(STEPS, STEP_MS))
    with _without_workers(addresses):
        _await_web(site)
        took = {}
        for count in (1, 2, 3):
            with hosts_open(Hosts(addresses, VAR), HOSTS[:count]):
                ended = site.await_end(_start(site, workflow), PATIENCE_S)
                if ended["state"] != "completed":
                    raise RuntimeError(f"the run over {count} hosts ended as {ended['state']}: {ended['error']}")
                took[count] = _seconds(ended)
                print(f"  {count} of {len(HOSTS)} hosts: {took[count]:.1f} s", file=sys.stderr, flush=True)
        with hosts_open(Hosts(addresses, VAR), HOSTS) as hosts:
            figures = _with_a_death(site, workflow, hosts)
    slots = 2
    for count, seconds in took.items():
        best = STEPS * STEP_MS / 1000 / (slots * count)
        how = f"{STEPS} steps that sleep {STEP_MS} ms, {slots * count} slots: {best:.0f} s at best; 2 processors in all"
        figures.append(Figure("scale", f"run over {count} host{'s' * (count > 1)}", seconds, 2 * best, "s", how))
    return figures


def _with_a_death(site: Site, workflow: str, hosts: Hosts) -> list[Figure]:
    query(NOTES)
    run = _start(site, workflow)
    while sum(steps_done(run).values()) < STEPS // 4:
        time.sleep(0.1)
    victim = HOSTS[-1]
    hosts.kill(victim)
    killed = time.time()
    ended = site.await_end(run, PATIENCE_S)
    again, wrong = moved_again(run, victim, killed), problems(run, STEPS + 1)
    kind = "own network, host name and process namespace each" if hosts.separate else "a process group each"
    spread = ", ".join(f"{name} {count}" for name, count in sorted(steps_done(run).items()))
    query(NOTES_OFF)
    how = f"three hosts ({kind}), {victim} killed -9 as a whole at a quarter; steps done: {spread}"
    found = f"{len(again)} steps were on it" if again else "it held no step at that moment"
    return [
        Figure("scale", "steps lost or doubled, one of three hosts killed", len(wrong), 0, "", how),
        Figure("scale", "the dead host's steps begun again, slowest", max(again, default=0.0), 30, "s", found),
        Figure("scale", "that run in all", _seconds(ended), 90, "s", f"ended as {ended['state']}"),
    ]


def query(text: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a query, if it has any."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def steps_done(run: str) -> dict[str, int]:
    """How many steps each host has settled."""
    found = query(
        "SELECT host, count(*) FROM bench_step WHERE run_id = %(run)s AND state = 'completed' GROUP BY host",
        {"run": run},
    )
    return dict(found)


def problems(run: str, steps: int) -> list[str]:
    """Steps that did not succeed exactly once, and whether the run ended well."""
    found = query(
        """
        SELECT body ->> 'node', count(*) FROM runs_runevent
        WHERE run_id = %(run)s AND kind IN ('step_succeeded', 'step_cached') GROUP BY 1
        """,
        {"run": run},
    )
    state = query("SELECT state FROM runs_run WHERE id = %(run)s", {"run": run})[0][0]
    wrong = [f"{node} succeeded {count} times" for node, count in found if count != 1]
    return wrong + ["some step is missing"] * (len(found) != steps) + [state] * (state != "completed")


def moved_again(run: str, host: str, killed: float) -> list[float]:
    """For each step that ``host`` held when it was killed: how long after that another host took it."""
    found = query(
        """
        SELECT extract(epoch FROM min(again.at)) - %(at)s FROM bench_step AS held
        LEFT JOIN bench_step AS again ON again.run_id = held.run_id AND again.node = held.node
            AND again.state = 'running' AND again.host <> held.host AND again.at > held.at
        WHERE held.run_id = %(run)s AND held.host = %(host)s AND held.state = 'running' AND NOT EXISTS (
            SELECT FROM bench_step AS done
            WHERE done.run_id = held.run_id AND done.node = held.node AND done.host = held.host
                AND done.state = 'completed'
        ) GROUP BY held.node
        """,
        {"run": run, "host": host, "at": killed},
    )
    return [float(seconds if seconds is not None else PATIENCE_S) for (seconds,) in found]


def _start(site: Site, workflow: str) -> str:
    return str(site.post(f"/api/v1/workflows/{workflow}/runs")["id"])


def _seconds(run: dict[str, Any]) -> float:
    from datetime import datetime

    begun, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()


@contextlib.contextmanager
def _without_workers(addresses: dict[str, str]) -> Iterator[None]:
    """The stack's servers, its web server and its scheduler, but none of its workers."""
    from deploy.stack.application import application_programs
    from deploy.stack.layout import Layout

    stack("down")
    stack("up", "--services-only")
    programs = application_programs(Layout.from_environment())
    parts = []
    try:
        for name in ("web", "beat"):
            with open(programs[name].log, "ab") as log:
                environment = {**os.environ, **addresses}
                parts.append(
                    subprocess.Popen(programs[name].command, cwd=ROOT, env=environment, stdout=log, stderr=log)
                )
        yield
    finally:
        for part in parts:
            part.terminate()
            part.wait(20)
        stack("down")
        stack("up")


def _await_web(site: Site) -> None:
    import httpx

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if site.client.get("/healthz").is_success:
                return
        time.sleep(0.2)
    raise TimeoutError("the web server did not start")
