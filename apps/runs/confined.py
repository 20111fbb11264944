"""Inside the process of one ``work`` step: nothing but the node, its inputs, and one channel to who started it.

The process is a copy of the worker, so it has the node's code loaded; of the worker's connections it keeps none. What
a node asks of the world goes over the channel and is done by the worker. What travels is JSON, never code.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.engine.node_types import Limits, NodeFailure
from apps.wording import gettext as _

# So much may the outputs of one step be, as JSON, bytes; what is larger belongs into files.
RESULT_LIMIT = 16 * 1024**2
MIB = 1024**2
_HEAD = struct.Struct("!I")
# How the process ends when it had no memory left to say so.
EXIT_MEMORY = 77
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

Work = Callable[["ConfinedContext"], Mapping[str, Any]]


def framed(text: str) -> bytes:
    """JSON as it travels: its length before it."""
    return _HEAD.pack(len(text.encode())) + text.encode()


def frames(buffer: bytearray) -> Iterator[list[Any]]:
    """The whole messages at the beginning of ``buffer``, which loses them."""
    while len(buffer) >= _HEAD.size:
        (length,) = _HEAD.unpack_from(buffer)
        if len(buffer) < _HEAD.size + length:
            return
        message: list[Any] = json.loads(bytes(buffer[_HEAD.size : _HEAD.size + length]))
        del buffer[: _HEAD.size + length]
        yield message


class ConfinedContext:
    """What the node may ask of the world, asked of the worker."""

    def __init__(self, channel: socket.socket, *, variables: Mapping[str, Any], now: datetime, attempt: int) -> None:
        self.variables = variables
        self.now = now
        self.attempt = attempt
        self._channel = channel
        self._buffer = bytearray()
        self._turn = threading.Lock()

    def asset_get(self, asset_id: str) -> Mapping[str, Any]:
        """The reference of an asset; NodeFailure when it is gone or not ready."""
        found: Mapping[str, Any] = self._ask("asset_get", str(asset_id))
        return found

    @contextmanager
    def asset_open(self, ref: Mapping[str, Any]) -> Iterator[Path]:
        """The bytes of an asset as a temporary file."""
        path = self._ask("asset_open", dict(ref))
        try:
            yield Path(path)
        finally:
            self._ask("asset_close", path)

    def asset_save(self, path: Path, filename: str) -> Mapping[str, Any]:
        """Keep a file made by the node; answers its reference."""
        kept: Mapping[str, Any] = self._ask("asset_save", str(path), filename)
        return kept

    def asset_publish(self, ref: Mapping[str, Any], title: str) -> None:
        """Show an asset in the gallery."""
        self._ask("asset_publish", dict(ref), title)

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is."""
        self.send("progress", float(fraction), str(message))

    def log(self, message: str) -> None:
        """A line of the step's log."""
        self.send("log", str(message))

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long: a cancel ends the whole process."""
        time.sleep(seconds)

    def send(self, kind: str, *parts: Any) -> None:
        """Send a message that has no answer."""
        self.send_text(json.dumps([kind, *parts]))

    def send_text(self, text: str) -> None:
        """Send a message that is JSON already."""
        with self._turn:
            self._channel.sendall(framed(text))

    def _ask(self, kind: str, *parts: Any) -> Any:
        with self._turn:
            self._channel.sendall(framed(json.dumps([kind, *parts])))
            while True:
                for answer in frames(self._buffer):
                    if answer[0] == "failure":
                        error = answer[1]
                        raise NodeFailure(error["message"], code=error["code"], permanent=error["permanent"])
                    return answer[1]
                received = self._channel.recv(65536)
                if not received:
                    os._exit(1)  # nobody is there any more
                self._buffer += received


@dataclass(frozen=True)
class Confinement:
    """What holds a process: its limits, where its temporary files go, and whose it is."""

    limits: Limits
    folder: str
    parent: int

    def enter(self, channel: socket.socket) -> None:
        """Become a process of its own that ends with its worker, has its connections no more, and has limits."""
        os.setpgid(0, 0)
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != self.parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        _forget_files(channel.fileno())
        # What was there before is never collected here: looking at it would copy its pages.
        gc.freeze()
        tempfile.tempdir = os.environ["TMPDIR"] = self.folder
        self._limit()

    def _limit(self) -> None:
        """The kernel's own limits: of this process alone, and wider than those that the worker watches over.

        They are for what happens between two of its looks. The machine, short of memory, takes this process first.
        """
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("800")
        cpu = int(self.limits.cpu_s) + 2
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_CPU, cpu)
        _lower(resource.RLIMIT_DATA, _data_bytes() + int(self.limits.memory_mb * 1.25 + 64) * MIB)


def confined_main(channel: socket.socket, confinement: Confinement, context: ConfinedContext, work: Work) -> None:
    """Do the work and tell how it ended. Never returns."""
    status = 1
    try:
        confinement.enter(channel)
        _tell(context, work)
        status = 0
    except MemoryError:
        status = EXIT_MEMORY
    finally:
        os._exit(status)


def _tell(context: ConfinedContext, work: Work) -> None:
    try:
        outputs = json.dumps(dict(work(context)), allow_nan=False)
        if len(outputs) > RESULT_LIMIT:
            message = _("Its output is larger than %(limit)s MB. Return a file instead.", limit=RESULT_LIMIT // MIB)
            raise NodeFailure(message, code="too-large")
        context.send_text(f'["done", {outputs}]')
    except NodeFailure as failure:
        error = {"code": failure.code, "message": str(failure), "permanent": failure.permanent}
        context.send("failed", error)
    except MemoryError:
        raise
    except Exception as accident:  # a bug in a node must fail its step, not lose it
        context.send("broke", type(accident).__name__, traceback.format_exc()[-8000:])


def _forget_files(keep: int) -> None:
    """Put /dev/null in the place of every open file but the standard ones and ``keep``.

    Closing them would let their numbers be used again while objects of the worker, which know nothing of this, may
    still close them.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"):
        if int(name) > 2 and int(name) not in (keep, nothing):
            with suppress(OSError):  # the folder's own number, gone by now
                os.fstat(int(name))
                os.dup2(nothing, int(name), inheritable=False)
    os.close(nothing)


def _lower(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (least, least))


def _data_bytes() -> int:
    """Memory that RLIMIT_DATA counts and that this process had from its worker."""
    if sys.platform != "linux":
        return 1024 * MIB
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
