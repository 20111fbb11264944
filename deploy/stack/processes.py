"""One child process and how it is kept: started, awaited, restarted, stopped, and recognised by a later supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.stack.layout import StackError

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 3
LONGEST_BACKOFF_S = 30.0
# A worker that came up and worked so long did not die of how it was started; the next death is news, not a repetition.
SETTLED_AFTER_S = 10.0


@dataclass(frozen=True)
class Program:
    """What to run and how to end it."""

    name: str
    title: str  # as a sentence calls it: "PostgreSQL"
    command: tuple[str, ...]
    log: Path
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] | None = None  # uid, gid to become
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 15.0),)  # each with seconds of patience


def launch_command(program: Program) -> list[str]:
    """The command line that starts `program` tied to this process."""
    uid, gid = program.user if program.user else ("-", "-")
    death = program.stop_signals[0][0]
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death)), str(uid), str(gid)]
    return [*launcher, *program.command]


class Child:
    """A program that is started again, ever more slowly, whenever it ends by itself."""

    def __init__(self, program: Program, ready: Callable[[], Awaitable[bool]], changed: Callable[[], None]) -> None:
        self.program = program
        self.state = "stopped"
        self.pid = 0
        self.started = 0.0
        self.restarts = 0
        self._ready = ready
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self, patience_s: float = 60.0) -> None:
        """Start and wait until it works. Raises StackError, with the end of its log, when it does not."""
        await self._spawn()
        await self._become_ready(patience_s)
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it, politely first; returns when it and all its own children are gone."""
        if self._keeper:
            self._keeper.cancel()
        self._set("stopping")
        if self._process and self._process.returncode is None:
            for number, patience_s in self.program.stop_signals:
                self._signal(number)
                if await self._ended_within(patience_s):
                    break
            else:
                self._signal(signal.SIGKILL)
                await self._process.wait()
        kill_group(self.pid)
        self._set("stopped")

    async def _keep(self) -> None:
        backoff = 0.5
        while self._process:
            code = await self._process.wait()
            kill_group(self.pid)
            if time.time() - self.started > SETTLED_AFTER_S:
                backoff = 0.5
            self.restarts += 1
            self._set(f"restarting (it ended with {_ending(code)})")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_S)
            try:
                await self._spawn()
                await self._become_ready(60.0)
            except (StackError, OSError):  # the next round waits longer
                self._signal(signal.SIGKILL)

    async def _spawn(self) -> None:
        rotate(self.program.log)
        with open(self.program.log, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launch_command(self.program),
                cwd=self.program.cwd,
                env={**os.environ, **self.program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.started = process_started(self.pid) or time.time()
        self._set("starting")

    async def _become_ready(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        assert self._process
        while self._process.returncode is None:
            if await self._ready():
                self._set("running")
                return
            if time.monotonic() > deadline:
                raise StackError(self._failure(f"did not become ready within {patience_s:.0f} seconds"))
            await asyncio.sleep(0.03)
        raise StackError(self._failure(f"ended while it started ({_ending(self._process.returncode)})"))

    def _failure(self, what: str) -> str:
        return f"{self.program.title} {what}. The end of its log ({self.program.log}):\n{tail(self.program.log)}"

    async def _ended_within(self, seconds: float) -> bool:
        assert self._process
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)

    def _set(self, state: str) -> None:
        self.state = state
        self._changed()


def process_started(pid: int) -> float | None:
    """When that process started, in seconds since the epoch; None if there is none. Tells a reused pid apart."""
    try:
        process = psutil.Process(pid)
        return process.create_time() if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def is_same_process(pid: int, started: float) -> bool:
    """Whether `pid` is still the process that started then, and not a stranger with the same number."""
    now = process_started(pid)
    return now is not None and abs(now - started) < 1.0


def stop_leftover(pid: int, started: float, number: signal.Signals, patience_s: float) -> None:
    """End a child of a supervisor that was killed: politely, then not. Returns when it is gone, at once if it is."""
    for how, seconds in ((number, patience_s), (signal.SIGKILL, 10.0)):
        if is_same_process(pid, started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        deadline = time.monotonic() + seconds
        # Not waitpid: it may be nobody's child, or a zombie that a container's first process never collects.
        while is_same_process(pid, started) and time.monotonic() < deadline:
            time.sleep(0.03)
    kill_group(pid)


def kill_group(pid: int) -> None:
    """Kill what a finished session leader left behind. While members live, nobody else can have its number."""
    if pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def rotate(log: Path) -> None:
    """Keep a log below its limit. The file is copied and emptied, since its writer holds it open."""
    if not log.exists() or log.stat().st_size < LOG_BYTES:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented for a message."""
    if not log.exists():
        return "    (empty)"
    with open(log, "rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        text = stream.read().decode(errors="replace")
    return "\n".join(f"    {line[:300]}" for line in text.splitlines()[-lines:]) or "    (empty)"


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
