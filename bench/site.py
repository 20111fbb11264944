"""The site under measurement: the whole embedded stack in a folder of its own, and clients for it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "bench" / "stack"
PORT = os.environ.get("BENCH_PORT", "8790")
# A poke may be lost; after this long the run is looked at without one.
POKE_LOST_S = 0.5
# What names another database, queue or store: the bench is for the embedded stack and must not touch those.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")

# Where the bench of payments has the tests' stand-in for Stripe.
STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_bench",
    "STRIPE_WEBHOOK_SECRET": "whsec_bench",
    "STRIPE_API_BASE": f"http://127.0.0.1:{int(PORT) + 1}",
}


def prepare_environment(var: Path = VAR, port: str = PORT) -> None:
    """Point this process, and those it starts, to a stack of their own."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    own = {"MILLRACE_VAR": str(var), "PORT": port, "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ.update(own | STRIPE)


def stack(command: str, *options: str) -> float:
    """Run a command of the stack; answers how long it took, seconds."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "deploy.stack", command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


@dataclass(frozen=True)
class Site:
    """A running site with the demo workspace and one token for it."""

    url: str
    token: str
    client: httpx.Client

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST JSON, answer JSON; raises on a refusal."""
        response = self.client.post(path, json=body if body is not None else {}, headers=headers)
        response.raise_for_status()
        return response.json()

    def get(self, path: str) -> Any:
        """GET JSON; raises on a refusal."""
        response = self.client.get(path)
        response.raise_for_status()
        return response.json()

    def workflow(self, graph: dict[str, Any]) -> str:
        """The id of a new workflow with this graph."""
        project = self.post("/api/v1/projects", {"name": "Bench"})
        return str(self.post(f"/api/v1/projects/{project['id']}/workflows", {"name": "bench", "graph": graph})["id"])

    def run_to_end(self, workflow: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a run with a number of its own (unless ``variables`` are given), wait for its end, answer it.

        ``committed_at``: when its end could be read, asked at each of its pokes, which follow the commits: asking all
        the time would take from the driver the processor that is being measured. Its own ``finished_at`` is set by the
        statement that writes its last steps, so it lies before those are written.
        """
        begun = time.monotonic()
        run = self.post(f"/api/v1/workflows/{workflow}/runs", {"variables": variables or fresh()})
        with _pokes(f"run.{run['id']}") as pokes:
            while not _is_over(run["id"]):
                if not pokes.get_message(timeout=POKE_LOST_S) and time.monotonic() > begun + 60:
                    raise TimeoutError(f"run {run['id']} did not end within 60 s")
            committed_at = datetime.now(UTC).isoformat()
        return {**self.get(f"/api/v1/runs/{run['id']}"), "committed_at": committed_at}

    def await_end(self, run_id: str, patience_s: float = 60) -> dict[str, Any]:
        """The run once it has ended."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            run: dict[str, Any] = self.get(f"/api/v1/runs/{run_id}")
            if run["finished_at"]:
                return run
            time.sleep(0.02)
        raise TimeoutError(f"run {run_id} did not end within {patience_s} s")


@contextmanager
def _pokes(group: str) -> Iterator[Any]:
    """What is said to those who watch something, from here on."""
    import redis
    from django.conf import settings

    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub(ignore_subscribe_messages=False) as heard:
        heard.subscribe(f"{settings.CHANNEL_PREFIX}__group__{group}")
        heard.get_message(timeout=5)  # that it listens
        yield heard


def _is_over(run_id: str) -> bool:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM runs_run WHERE id = %s AND finished_at IS NOT NULL", [run_id])
        return cursor.fetchone() is not None


def open_site() -> Site:
    """A client of the running site."""
    output = subprocess.run(
        [sys.executable, "manage.py", "demo_token"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    token = output.stdout.strip()
    url = f"http://127.0.0.1:{os.environ['PORT']}"
    return Site(url, token, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30))


_numbers = itertools.count(int(time.time() * 10) % 10**8)


def fresh() -> dict[str, Any]:
    """Variables that no run has had: everything that hangs on the number is new work, and nothing of it is reused."""
    return {"n": next(_numbers)}


def source(name: str) -> dict[str, Any]:
    """A node that gives the number that makes a run's work its own."""
    return {"id": name, "type": "input.number", "params": {"number": {"$variable": "n"}}}


def chain(length: int, **params: Any) -> dict[str, Any]:
    """A number and behind it test.pass in a row, ``length`` steps together. Work of its own unless told otherwise."""
    passes = [{"id": f"n{i}", "type": "test.pass", "params": params} for i in range(1, length)]
    edges = [
        {
            "id": f"e{i}",
            "source": f"n{i}",
            "source_port": "value" if i else "number",
            "target": f"n{i + 1}",
            "target_port": "value",
        }
        for i in range(length - 1)
    ]
    return {"nodes": [source("n0"), *passes], "edges": edges, "variables": fresh()}
