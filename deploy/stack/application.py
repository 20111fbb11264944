"""The parts that run our own code: the web server, the Celery workers of the three lanes, and the scheduler."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.stack.layout import Layout
from deploy.stack.processes import Program

# Threads wait for others (the database, providers); `work` computes, so it gets processes.
LANES = {
    "control": ("--pool=threads", "--concurrency=8"),
    "io": ("--pool=threads", "--concurrency=32"),
    "work": ("--pool=prefork", "--concurrency=2"),
}
# A worker takes from its queues in turn, so neither steps nor what is no step can keep the other waiting.
QUEUES = {"control": "control,starts", "io": "io,io-steps,io-submits,io-exports", "work": "work,work-steps"}


def application_programs(layout: Layout) -> dict[str, Program]:
    """The programs in the order in which they are started; they stop in the reverse order."""
    programs = {"web": _web(layout)}
    for lane, options in LANES.items():
        programs[lane] = _worker(layout, lane, options)
    programs["beat"] = _python(
        layout, "beat", "The scheduler (Celery beat)",
        "celery", "-A", "config.celery:app", "beat", "--pidfile=", f"--schedule={layout.run / 'beat-schedule'}",
        "--loglevel=INFO",
    )  # fmt: skip
    return programs


def readiness(name: str, layout: Layout) -> Callable[[], Awaitable[bool]]:
    """How to see that a part works. A worker works once it lives: /readyz asks through the queue whether it answers."""

    async def web() -> bool:
        return await asyncio.to_thread(answers, f"{layout.web_address}/healthz")

    async def alive() -> bool:
        return True

    return web if name == "web" else alive


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with success."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def migrations_digest(layout: Layout) -> str:
    """Changes whenever a migration changes, or a package that may bring its own; else the schema need not be asked."""
    digest = hashlib.sha256(os.environ.get("DATABASE_URL", "").encode())
    files = [*sorted(layout.root.glob("apps/*/migrations/*.py")), layout.root / "requirements" / "base.txt"]
    files += sorted(layout.root.glob("apps/*/management/commands/demo_seed.py"))
    for path in files:
        digest.update(str(path.relative_to(layout.root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def management_environment(layout: Layout) -> dict[str, str]:
    """What every process of ours must know to find its stack."""
    return {"MILLRACE_VAR": str(layout.var), "PORT": str(layout.web_port), "PYTHONUNBUFFERED": "1"}


def _web(layout: Layout) -> Program:
    return _python(
        layout, "web", "The web server (Daphne)",
        "daphne", "-b", "127.0.0.1", "-p", str(layout.web_port), "--no-server-name", "config.asgi:application",
        stop_signals=((signal.SIGTERM, 5.0),),
    )  # fmt: skip


def _worker(layout: Layout, lane: str, options: tuple[str, ...]) -> Program:
    return _python(
        layout, lane, f"The {lane} worker (Celery)",
        "celery", "-A", "config.celery:app", "worker", f"--queues={QUEUES[lane]}",
        f"--hostname={lane}-{layout.web_port}@%h", *options,
        # A worker alone on its queue has nobody to compare notes with, which would take a second.
        "--without-gossip", "--without-mingle", "--loglevel=INFO",
        # Warm: finish what runs. Then cold: the task's row is picked up again by the sweeper.
        stop_signals=((signal.SIGTERM, 10.0), (signal.SIGQUIT, 5.0)),
    )  # fmt: skip


def _python(
    layout: Layout,
    name: str,
    title: str,
    *arguments: str,
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0),),
) -> Program:
    return Program(
        name=name,
        title=title,
        command=(sys.executable, "-m", "deploy.lean", *arguments),
        log=Path(layout.log / f"{name}.log"),
        cwd=layout.root,
        environment=management_environment(layout),
        stop_signals=stop_signals,
    )
