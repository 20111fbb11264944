"""A ``work`` step in a process of its own, watched by the worker: what it uses, what it asks, how it ends.

Enforced is the sum over the process and all it starts, measured about every 50 ms: memory (resident, less what the
process had from the worker when it began), processor time, and time in all. Whatever passes a limit is killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import structlog

from apps.engine.node_types import Limits, NodeContext, NodeFailure
from apps.runs.acts import timed_out
from apps.runs.confined import EXIT_MEMORY, MIB, ConfinedContext, Confinement, Work, confined_main, framed, frames
from apps.runs.records import error_of
from apps.wording import gettext as _

log = structlog.get_logger(__name__)

LOOK_S = 0.05
# How long a process may take to end once it has hung up.
HANG_UP_S = 0.5
# Finding what the process has started reads the whole process table.
LOOK_AROUND_S = 0.5


@dataclass(frozen=True)
class Ended:
    """How a child ended: with outputs, with an error, or with neither when it was ended from outside."""

    outputs: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


class ChildBroke(RuntimeError):
    """The node's code raised something that it does not answer for; the message is the child's traceback."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Child:
    """One step's process. Make it, ``follow`` it to its end; ``kill`` it from any thread."""

    def __init__(self, work: Work, context: NodeContext, limits: Limits, *, timeout_s: float | None = None) -> None:
        self._context = context
        self._limits = limits if timeout_s is None else replace(limits, time_s=min(timeout_s, limits.time_s))
        self._open: dict[str, ExitStack] = {}
        self._lock = threading.Lock()
        self._killed = self._reaped = False
        self._error: Mapping[str, Any] | None = None
        self._ended: Ended | None = None
        self._buffer = bytearray()
        self._folder = tempfile.TemporaryDirectory(prefix="step-", ignore_cleanup_errors=True)
        self._fork(work)

    def _fork(self, work: Work) -> None:
        self._channel, theirs = socket.socketpair()
        mine = self._context
        context = ConfinedContext(theirs, variables=mine.variables, now=mine.now, attempt=mine.attempt)
        confinement = Confinement(self._limits, self._folder.name, os.getpid())
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            confined_main(theirs, confinement, context, work)
        self._began = time.monotonic()
        theirs.close()
        with suppress(OSError):  # it may have done so itself, or be gone
            os.setpgid(self.pid, self.pid)
        self._process = psutil.Process(self.pid)
        self._family: list[psutil.Process] = []
        self._had = _rss(self._process)
        self._look_at, self._look_around_at = self._began, self._began + LOOK_AROUND_S

    def kill(self) -> None:
        """End the process and all it started. Its step has no outcome then."""
        with self._lock:
            self._killed = True
            self._end()

    def follow(self) -> Ended:
        """Serve and watch the process until it has ended."""
        status = 0
        try:
            while self._ended is None and self._error is None and self._hear():
                self._measure()
        finally:
            status = self._reap()
        if self._killed:
            return Ended()
        if self._error is not None:
            return Ended(error=self._error)
        return self._ended or Ended(error=self._cause(status))

    def _hear(self) -> bool:
        """Take what the process says, for a moment; False when it will say no more."""
        readable, _writable, _other = select.select([self._channel], [], [], LOOK_S)
        if not readable:
            return True
        received = self._channel.recv(65536)
        self._buffer += received
        for message in frames(self._buffer):
            self._take(*message)
        return bool(received)

    def _take(self, kind: str, *parts: Any) -> None:
        if kind in ("progress", "log"):
            self._pass_on(kind, parts)
        elif kind == "done":
            self._ended = Ended(outputs=parts[0])
        elif kind == "failed":
            self._ended = Ended(error=parts[0])
        elif kind == "broke":
            raise ChildBroke(*parts)
        else:
            self._channel.sendall(framed(json.dumps(self._answer(kind, parts))))

    def _pass_on(self, kind: str, parts: tuple[Any, ...]) -> None:
        try:
            (self._context.progress if kind == "progress" else self._context.log)(*parts)
        except Exception:  # what is told may be lost; the work is not lost with it
            log.warning("not told", action="child_told", kind=kind, exc_info=True)

    def _answer(self, kind: str, parts: tuple[Any, ...]) -> list[Any]:
        asks: dict[str, Callable[..., Any]] = {
            "asset_get": self._context.asset_get,
            "asset_open": self._asset_open,
            "asset_close": self._asset_close,
            "asset_save": lambda path, filename: self._context.asset_save(Path(path), filename),
            "asset_publish": self._context.asset_publish,
        }
        try:
            return ["answer", asks[kind](*parts)]
        except NodeFailure as failure:
            return ["failure", error_of(failure)]

    def _asset_open(self, ref: Mapping[str, Any]) -> str:
        stack = ExitStack()
        path = str(stack.enter_context(self._context.asset_open(ref)))
        self._open[path] = stack
        return path

    def _asset_close(self, path: str) -> None:
        self._open.pop(path).close()

    def _measure(self) -> None:
        now, limits = time.monotonic(), self._limits
        if now - self._began > limits.time_s:
            self._error = error_of(timed_out(limits.time_s))
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        if now >= self._look_around_at:
            self._look_around_at = now + LOOK_AROUND_S
            with suppress(psutil.Error):
                self._family = self._process.children(recursive=True)
        everybody = [self._process, *self._family]
        if sum(map(_rss, everybody)) - self._had > limits.memory_mb * MIB:
            self._error = error_of(out_of_memory(limits))
        elif sum(map(_cpu_s, everybody)) > limits.cpu_s:
            self._error = error_of(out_of_cpu(limits))

    def _cause(self, status: int) -> Mapping[str, Any]:
        """Why a process ended that did not say so itself."""
        code = os.waitstatus_to_exitcode(status)
        if code == EXIT_MEMORY:
            return error_of(out_of_memory(self._limits))
        if code == -signal.SIGXCPU:
            return error_of(out_of_cpu(self._limits))
        reason = signal.Signals(-code).name if code < 0 else f"exit {code}"
        message = _("Its process crashed (%(reason)s).", reason=reason)
        return error_of(NodeFailure(message, code="child-died", permanent=False))

    def _end(self) -> None:
        if not self._reaped:
            # The group is the process and what it started; until it is reaped its number is nobody else's.
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    kill(self.pid, signal.SIGKILL)

    def _reap(self) -> int:
        """End what is left, wait for it, and tidy up; answers the wait status."""
        if self._error is None and self._ended is None:
            self._await_exit()
        with self._lock:
            self._end()
            status = os.waitpid(self.pid, 0)[1]
            self._reaped = True
        self._channel.close()
        for stack in self._open.values():
            stack.close()
        self._folder.cleanup()
        return status

    def _await_exit(self) -> None:
        """Let a process that hung up come to its own end, which says why."""
        until = time.monotonic() + HANG_UP_S
        while time.monotonic() < until:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                return
            time.sleep(0.005)


def out_of_memory(limits: Limits) -> NodeFailure:
    """The failure of a step that took more memory than its node type may."""
    size = limits.memory_mb
    shown = f"{size / 1024:g} GB" if size >= 1024 else f"{size} MB"
    return NodeFailure(_("It used more than %(limit)s of memory.", limit=shown), code="out-of-memory")


def out_of_cpu(limits: Limits) -> NodeFailure:
    """The failure of a step that computed longer than its node type may."""
    shown = f"{limits.cpu_s:g}"
    return NodeFailure(_("It used more than %(limit)s s of processor time.", limit=shown), code="cpu-limit")


def _rss(process: psutil.Process) -> int:
    """Resident memory, bytes; 0 when the process is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _cpu_s(process: psutil.Process) -> float:
    """Processor time of the process and of what it started and outlived."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.Error:
        return 0.0
