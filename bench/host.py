"""A worker host: one worker per lane under a name of its own, and nothing else.

Run as ``python -m bench.host NAME LANES RELAYS``. With relays (JSON, file by port) it is in a network namespace and has
a loopback of its own, on which the addresses of
the services lead through those files to where they really are: as a host reaches servers elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys

from bench.site import ROOT
from deploy.stack.application import LANES, QUEUES


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError, RuntimeError):
        writer.close()


async def _both(near: tuple[asyncio.StreamReader, asyncio.StreamWriter], far: object) -> None:
    try:
        reader, writer = await far  # type: ignore[misc]
    except OSError:
        near[1].close()
        return
    await asyncio.gather(_copy(near[0], writer), _copy(reader, near[1]))


async def relay_in(port: int, path: str) -> asyncio.Server:
    """On a host: what is sent to this port goes into the file."""
    return await asyncio.start_server(
        lambda r, w: _both((r, w), asyncio.open_unix_connection(path)), "127.0.0.1", port, backlog=256
    )


async def relay_out(port: int, path: str) -> asyncio.Server:
    """Where the servers are: what comes out of the file goes to this port."""
    return await asyncio.start_unix_server(
        lambda r, w: _both((r, w), asyncio.open_connection("127.0.0.1", port)), path, backlog=256
    )


async def main(name: str, lanes: str, relays: str) -> None:
    """Be that host until killed."""
    if files := json.loads(relays):
        socket.sethostname(name)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for port, path in files.items():
            await relay_in(int(port), path)
    for lane in lanes.split():
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.lean", "celery", "-A", "config.celery:app", "worker",
            f"--queues={QUEUES[lane]}", f"--hostname={lane}@{name}", *LANES[lane],
            "--without-gossip", "--without-mingle", "--loglevel=INFO",
            cwd=ROOT,
        )  # fmt: skip
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
