"""The whole application as processes against the test database: web server, three workers, beat. Nothing simulated."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
# On a busy machine the site takes longer to start and stop than a test may.
TIMEOUT_WITH_STACK_S = 360
# How long the truncation after a test waits for the workers before it looks for a deadlock.
PATIENCE = "30s"
DATABASE_MADE = pytest.StashKey[bool]()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# The Stripe that the site is told of. Whoever needs one listens there (tests/stripe_server).
STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_millrace",
    "STRIPE_WEBHOOK_SECRET": "whsec_millrace",
    "STRIPE_API_BASE": f"http://127.0.0.1:{_free_port()}",
}


@dataclass(frozen=True)
class LiveStack:
    """A running site. Mail it sends lies in `var / "mail"`, logs in `var / "log"`."""

    base_url: str
    var: Path

    @property
    def websocket_url(self) -> str:
        return self.base_url.replace("http", "ws", 1)

    def pid(self, part: str) -> int:
        """The process of `web`, `control`, `io`, `work` or `beat`."""
        return int(self._parts()[part]["pid"])

    def kill(self, part: str) -> None:
        """SIGKILL a part and its children, as a machine out of memory would. The supervisor starts it again."""
        process = psutil.Process(self.pid(part))
        for one in (*process.children(recursive=True), process):
            one.send_signal(signal.SIGKILL)

    def await_part(self, part: str, *, not_pid: int = 0, timeout_s: float = 30.0) -> int:
        """Wait until `part` runs, as another process than `not_pid`; returns its pid."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = self._parts().get(part, {})
            if found.get("state") == "running" and found["pid"] != not_pid:
                return int(found["pid"])
            time.sleep(0.05)
        raise AssertionError(f"{part} did not come back within {timeout_s} s; see {self.var / 'log'}")

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = json.loads((self.var / "run" / "stack.json").read_text())["parts"]
        return parts


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with workers go last: workers would take the messages that other tests leave in the queues.

    Among them those with a browser go last of all: Playwright occupies the thread's event loop from its first use on.
    """

    def rank(item: pytest.Item) -> int:
        fixtures: list[str] = getattr(item, "fixturenames", [])
        return 2 if "chromium" in fixtures else 1 if "live_stack" in fixtures else 0

    for item in items:
        if rank(item):
            item.add_marker(pytest.mark.live)
            # The first of them waits for the site to start, the last for it to stop, and any may be either.
            item.add_marker(pytest.mark.timeout(TIMEOUT_WITH_STACK_S))
    items.sort(key=rank)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Whichever test comes first makes the database, which on a busy machine takes longer than a test may.

    A time-out in there would fail every test of the session.
    """
    if not item.session.stash.get(DATABASE_MADE, False):
        item.add_marker(pytest.mark.timeout(TIMEOUT_WITH_STACK_S), append=False)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note when the database is made."""
    answer = yield
    if fixturedef.argname == "django_db_setup":
        request.session.stash[DATABASE_MADE] = True
    return answer


@pytest.fixture(scope="session")
def _live_processes(django_db_setup: None) -> Iterator[LiveStack]:
    import redis
    from django.conf import settings
    from django.db import connection

    environment = _environment()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    _stack("down", environment)  # what an interrupted session may have left
    _stack("up", environment, "--no-migrate")
    if os.environ.get("DATABASE_URL") is None:
        # For each connection of this process from now on; see `live_stack`.
        os.environ["PGOPTIONS"] = f"-c deadlock_timeout={PATIENCE}"
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    yield LiveStack(f"http://127.0.0.1:{environment['PORT']}", Path(environment["MILLRACE_VAR"]))
    _stack("down", environment)


@pytest.fixture
def live_stack(_live_processes: LiveStack, transactional_db: None) -> LiveStack:
    """The running site. What a test writes is committed, seen by all processes, and truncated afterwards."""
    from django.db import connection

    if os.environ.get("DATABASE_URL") is None:
        # Truncating waits for the workers' transactions. Where the two block each other, a worker must give way, not
        # the truncation; whoever waits this long is the one to be cancelled.
        with connection.cursor() as cursor:
            cursor.execute(f"SET deadlock_timeout = '{PATIENCE}'")
    return _live_processes


def _environment() -> dict[str, str]:
    """The test session's own addresses, said aloud, so that the second stack starts no services of its own."""
    from django.conf import settings
    from django.db import connection

    database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    names = ("REDIS_URL", "S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET", "SECRET_KEY")
    return {
        **os.environ,
        **{name: str(getattr(settings, name)) for name in names},
        "DATABASE_URL": urlunsplit(database),
        "MILLRACE_VAR": str(Path(os.environ["MILLRACE_VAR"]) / "live"),
        "DATABASE_POOL": "8",
        **STRIPE,
    }


def _stack(command: str, environment: dict[str, str], *arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "deploy.stack", command, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        pytest.fail(f"The site for live tests did not start: {result.stderr.strip()}", pytrace=False)
