"""The one process that starts everything, keeps it running, and stops it in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import psutil

from deploy.stack.application import (
    answers,
    application_programs,
    management_environment,
    migrations_digest,
    readiness,
)
from deploy.stack.journal import Journal
from deploy.stack.layout import Layout, Settings, StackError, port_is_free, write_private
from deploy.stack.processes import Child, is_same_process, process_started, rotate, stop_leftover, tail
from deploy.stack.services import Service, embedded_services

HEALTHY_WITHIN_S = 90.0


@dataclass(frozen=True)
class Options:
    """What to leave out: tests need the data services alone, or the application beside services that run already."""

    services_only: bool = False
    durable: bool = True
    migrate: bool = True


class Supervisor:
    """Runs the stack of one folder. `announce` is told what happens, in sentences."""

    def __init__(self, layout: Layout, options: Options, announce: Callable[[str], None]) -> None:
        self.layout = layout
        self.options = options
        self.announce = announce
        self.children: dict[str, Child] = {}
        self.state = "starting"
        self.message = ""
        self.stopping = asyncio.Event()
        self._starting: list[asyncio.Task[None]] = []
        self.journal = Journal(layout.log / "stack.jsonl")

    async def run(self, when_healthy: Callable[[], None] | None = None) -> None:
        """Start everything, keep it until a signal says stop, then stop everything. StackError if it cannot start."""
        with self._lock():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.add_signal_handler(number, self.stopping.set)
            try:
                await self._unless_stopped(self._start())
                if not self.stopping.is_set():
                    self._set_state("healthy")
                    if when_healthy:
                        when_healthy()
                    await self._watch()
            except StackError as error:
                self._set_state("failed", str(error))
                raise
            finally:
                await self._stop()

    @contextlib.contextmanager
    def _lock(self) -> Any:
        """Hold the folder. The kernel lets go when this process ends in whatever way, so a stale lock cannot exist."""
        self.layout.make_folders()
        stream = hold_lock(self.layout)
        if stream is None:
            raise StackError("The stack of this folder runs already. See it: make status. Stop it: make down")
        with stream:
            stop_leftovers(self.layout, self.announce)
            yield

    async def _unless_stopped(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self.stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        elif error := task.exception():
            raise error

    async def _start(self) -> None:
        if not self.options.services_only and not port_is_free(self.layout.web_port):
            raise StackError(port_taken(self.layout.web_port))
        settings = Settings.load(self.layout)
        settings.complete()
        if "demo" in settings.fresh_passwords:
            (self.layout.run / "migrated").unlink(missing_ok=True)
        services = embedded_services(settings, durable=self.options.durable)
        starting = {name: asyncio.create_task(self._start_service(name, one)) for name, one in services.items()}
        self._starting = list(starting.values())
        # The application can start, and even the schema be changed, before the slowest (S3) is there.
        await asyncio.gather(*(task for name, task in starting.items() if name != "s3"))
        if not self.options.services_only:
            await self._start_application(settings)
        await asyncio.gather(*self._starting)
        if not self.options.services_only:
            await self._become_healthy()
            await self.children["beat"].start()

    async def _start_service(self, name: str, service: Service) -> None:
        await asyncio.to_thread(service.prepare)
        self.children[name] = Child(service.program, service.ready, self._save)
        await self.children[name].start()

    async def _start_application(self, settings: Settings) -> None:
        if self.options.migrate:
            await self._migrate(settings)
        programs = application_programs(self.layout)
        for name, program in programs.items():
            self.children[name] = Child(program, readiness(name, self.layout), self._save)
        # Beat comes last: each start costs two seconds of a core, and nobody waits for this one.
        await asyncio.gather(*(self.children[name].start() for name in programs if name != "beat"))

    async def _migrate(self, settings: Settings) -> None:
        stamp = self.layout.run / "migrated"
        digest = migrations_digest(self.layout)
        if stamp.exists() and stamp.read_text() == digest:
            return
        self.announce("Bringing the database up to date.")
        await asyncio.to_thread(self._manage, "migrate", "--noinput", "--verbosity=1")
        if "DATABASE_URL" in settings.addresses():  # nobody wants a demo person in a database of their own
            await asyncio.to_thread(self._manage, "demo_seed", DEMO_PASSWORD=settings.passwords["demo"])
        stamp.write_text(digest)

    def _manage(self, *command: str, **environment: str) -> None:
        log = self.layout.log / "migrate.log"
        rotate(log)
        with open(log, "ab") as stream:
            result = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=self.layout.root, stdout=stream, stderr=stream, check=False,
                env={**os.environ, **management_environment(self.layout), **environment}, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        if result.returncode:
            raise StackError(f"manage.py {command[0]} failed. The end of its log ({log}):\n{tail(log)}")

    async def _become_healthy(self) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while not await asyncio.to_thread(answers, f"{self.layout.web_address}/readyz"):
            for child in self.children.values():
                if child.restarts > 2:
                    raise StackError(
                        f"{child.program.title} does not stay up. The end of its log ({child.program.log}):\n"
                        f"{tail(child.program.log)}"
                    )
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.layout.web_address}/readyz does not answer with success after {HEALTHY_WITHIN_S:.0f} s. "
                    f"What runs: make status. What was said: the files in {self.layout.shown(self.layout.log)}"
                )
            await asyncio.sleep(0.1)

    async def _watch(self) -> None:
        """Until told to stop: keep logs short."""
        while not self.stopping.is_set():
            with contextlib.suppress(OSError):
                for child in self.children.values():
                    rotate(child.program.log)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 30.0)

    async def _stop(self) -> None:
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        failed = self.state == "failed"
        if not failed:
            self._set_state("stopping")
        # Those who make work first, then those who do it, then those who keep it.
        for names in (("beat",), ("web", "control", "io", "work"), ("s3", "valkey", "postgres")):
            await asyncio.gather(*(self.children[name].stop() for name in names if name in self.children))
        if not failed:
            self._set_state("stopped")

    def _set_state(self, state: str, message: str = "") -> None:
        self.state, self.message = state, message
        self.journal.record(state, message=message)
        self._save()

    def _save(self) -> None:
        """Write var/run/stack.json: what runs, for `status`, and for a later supervisor should this one be killed."""
        parts = {
            name: {
                "state": child.state,
                "pid": child.pid,
                "started": child.started,
                "restarts": child.restarts,
                "signal": int(child.program.stop_signals[0][0]),
            }
            for name, child in self.children.items()
        }
        document = {
            "pid": os.getpid(),
            "started": process_started(os.getpid()),
            "state": self.state,
            "message": self.message,
            "web": "" if self.options.services_only else self.layout.web_address,
            "parts": parts,
        }
        # A full disk must not end the one process that could tell so.
        with contextlib.suppress(OSError):
            write_private(self.layout.run / "stack.json", json.dumps(document, indent=2))
            self.journal.record_parts({name: child.state for name, child in self.children.items()})


def hold_lock(layout: Layout) -> IO[str] | None:
    """Take the folder's lock; None if another supervisor holds it. Closing the stream gives it back."""
    stream = open(layout.run / "lock", "a")  # noqa: SIM115 (it is held for as long as the stack runs)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream


def read_state(layout: Layout) -> dict[str, Any]:
    """What the supervisor of this folder last wrote; empty if there is nothing, or nothing that can be read."""
    try:
        document = json.loads((layout.run / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def is_running(layout: Layout) -> bool:
    """Whether a supervisor holds this folder."""
    if not (layout.run / "lock").exists():
        return False
    stream = hold_lock(layout)
    if stream:
        stream.close()
    return stream is None


def stop_leftovers(layout: Layout, announce: Callable[[str], None]) -> None:
    """End what a killed supervisor left, application first. A second SeaweedFS on the same files would harm them."""
    parts: dict[str, Any] = read_state(layout).get("parts", {})
    living = {name: part for name, part in parts.items() if is_same_process(part["pid"], part["started"])}
    if living:
        announce(f"The stack was not stopped properly the last time; ending what is left of it: {', '.join(living)}.")
    for name in sorted(living, key=lambda name: name in ("s3", "valkey", "postgres")):
        patience_s = 20.0 if name in ("valkey", "postgres") else 3.0
        stop_leftover(living[name]["pid"], living[name]["started"], signal.Signals(living[name]["signal"]), patience_s)


def port_taken(port: int) -> str:
    """The sentence for a web port that somebody else has, with their name where the system tells it."""
    owner = "another program"
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if address and address.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
                owner = f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
                break
    return f"Port {port} is taken by {owner}. Stop that, or use another port: make up PORT={port + 1}"
