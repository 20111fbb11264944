"""Start PostgreSQL, Valkey and S3 for the tests before Django's settings are read, and stop them at the end.

They live below ``var/test`` and are real; only their durability is turned down. A second session in the same checkout
gets a folder of its own, and so does each worker of a session with ``-n 2``, whose controller needs none.
``MILLRACE_KEEP_TEST_SERVICES=1`` leaves them running, which saves some seconds per session.
``DATABASE_URL``, ``REDIS_URL`` and ``S3_*`` in the environment are used instead, as everywhere.
"""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO

import pytest

from deploy.stack.layout import port_is_free

ROOT = Path(__file__).resolve().parents[1]
_ASKS_ONLY = {"--help", "-h", "--version", "-V", "--markers", "--fixtures", "--collect-only", "--co"}
_held: list[IO[str]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None, None, None]:
    """Runs before pytest-django looks at the settings, because wrappers begin first."""
    if not _ASKS_ONLY & set(args) and not _only_hands_out(args):
        folder = _claim_folder()
        os.environ["MILLRACE_VAR"] = str(folder)
        os.environ["PORT"] = str(_kept_port(folder))
        # Threads of tests end with their connections in hand, which are lost to the pool.
        os.environ.setdefault("DATABASE_POOL", "40")
        _stack("up", "--services-only", "--fast")
    return (yield)


def _only_hands_out(args: list[str]) -> bool:
    """Whether this is the process that hands out tests to others (pytest-xdist)."""
    return "PYTEST_XDIST_WORKER" not in os.environ and any(arg.startswith(("-n", "--numprocesses")) for arg in args)


def pytest_unconfigure() -> None:
    """After the test database was dropped."""
    if _held and not os.environ.get("MILLRACE_KEEP_TEST_SERVICES"):
        _stack("down")
    while _held:
        _held.pop().close()


def _claim_folder() -> Path:
    """The first of var/test, var/test-2, … that no other session uses."""
    for number in range(1, 20):
        folder = ROOT / "var" / ("test" if number == 1 else f"test-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        stream = open(folder / "session.lock", "w")  # noqa: SIM115 (held until the session ends)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        _held.append(stream)
        return folder
    pytest.exit("Nineteen test sessions run in this checkout already.", returncode=1)


def _kept_port(folder: Path) -> int:
    """The web port of tests that need a running site. Kept, since the bucket's CORS rules name it.

    From above those of services, SeaweedFS's second ones among them, and below those of outgoing connections; no two
    sessions of a checkout choose among the same.
    """
    kept = folder / "port"
    if not kept.exists():
        number = int(folder.name.partition("-")[2] or 1)
        kept.write_text(str(random.choice([port for port in range(32_000 + number, 32_768, 20) if port_is_free(port)])))
    return int(kept.read_text())


def _stack(*arguments: str) -> None:
    command = [sys.executable, "-m", "deploy.stack", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.exit(f"The test services: {result.stderr.strip()}", returncode=1)
