"""A vendor that only waits: answers looks at jobs as the sandbox does, after a while, and remembers each of them.

The sandbox itself is served by the site, at some milliseconds of processor per answer; on two processors it would be
the vendor that is measured. This one takes a tenth of that. Each look is a real HTTP request over a real connection.
Run as ``python -m bench.vendor PORT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from collections import defaultdict
from typing import Any

PREFIX = "/sandbox/v1/jobs/"
# As long as a vendor across the sea takes to answer.
LATENCY_S = 0.2
# Of ten jobs this many run and report progress, a little more with each look; the others stand in the queue.
RUNNING_OF_TEN = 2


class Vendor:
    """``looks``: by job, when it was asked for."""

    def __init__(self) -> None:
        self.looks: dict[str, list[float]] = defaultdict(list)
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            at, path = time.time(), head.split(b" ", 2)[1].decode()
            if path.startswith(PREFIX):
                job = path.removeprefix(PREFIX)
                self.looks[job].append(at)
                await asyncio.sleep(LATENCY_S)
                body = self._job(job)
            else:
                body = json.dumps({"connections": self.connections, "looks": self.looks}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()

    def _job(self, job: str) -> bytes:
        running = zlib.crc32(job.encode()) % 10 < RUNNING_OF_TEN
        progress = min(0.5, 0.1 + 0.001 * len(self.looks[job])) if running else 0.0
        document: dict[str, Any] = {
            "id": job,
            "model": "sandbox/video",
            "state": "running" if running else "queued",
            "progress": progress,
            "queue_position": None if running else 40,
            "logs": "",
            "error": None,
            "outputs": [],
            "status_url": f"http://127.0.0.1:{sys.argv[1]}{PREFIX}{job}",
            "cancel_url": f"http://127.0.0.1:{sys.argv[1]}{PREFIX}{job}",
        }
        return json.dumps(document).encode()


async def main(port: int) -> None:
    """Serve until killed."""
    vendor = Vendor()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await vendor.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
