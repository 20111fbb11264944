"""Each way in which a machine can stand in the stack's way: one clear sentence, and no data lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from deploy.stack.processes import LAUNCHER

ROOT = Path(__file__).resolve().parents[2]
# Most of these need no S3, whose start takes longest; its address in the environment leaves it out.
WITHOUT_S3 = {"S3_ENDPOINT_URL": "http://127.0.0.1:9"}


@dataclass
class Stack:
    """The data services of a folder of their own, driven through the commands people use."""

    var: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(WITHOUT_S3))

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "deploy.stack", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
            env=self._base() | {"MILLRACE_VAR": str(self.var)} | self.environment | environment,
        )  # fmt: skip
        assert "Traceback" not in result.stdout + result.stderr
        return result

    def up(self, **environment: str) -> str:
        """Start the data services; returns what was said."""
        result = self("up", "--services-only", "--fast", **environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def refused(self, **environment: str) -> str:
        """Try to start; returns the sentence of the refusal."""
        result = self("up", "--services-only", "--fast", **environment)
        assert result.returncode == 1, result.stdout
        return result.stderr

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads((self.var / "stack.json").read_text())
        return settings

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.var / "run" / "stack.json").read_text())
        return state

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @staticmethod
    def _base() -> dict[str, str]:
        ours = ("DATABASE_URL", "REDIS_URL", "PORT")
        return {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("S3_")}


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[[str], Stack]]:
    made: list[Stack] = []

    def make(name: str) -> Stack:
        made.append(Stack(tmp_path / name))
        return made[-1]

    yield make
    for stack in made:
        stack("down")


@pytest.fixture
def stack(make_stack: Callable[[str], Stack]) -> Stack:
    return make_stack("var")


def await_true(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_up_twice_status_and_down(stack: Stack) -> None:
    assert "does not run" in stack("status").stdout
    stack.up()
    pid = stack.state["pid"]
    assert "It runs already" in stack.up()
    assert stack.state["pid"] == pid
    status = stack("status")
    assert status.returncode == 0
    assert "postgres  running" in status.stdout
    assert "Stopped. The data stays" in stack("down").stdout
    assert stack("status").returncode == 3
    assert "does not run" in stack("down").stdout


def test_data_and_addresses_survive_restart(stack: Stack) -> None:
    stack.up()
    before = stack.settings
    stack.query("CREATE TABLE kept AS SELECT 42 AS answer")
    stack("down")
    stack.up()
    assert stack.settings == before
    assert stack.query("SELECT answer FROM kept") == [(42,)]


def test_secrets_are_private(stack: Stack) -> None:
    stack.up()
    for path in (stack.var / "stack.json", stack.var / "run" / "valkey.conf", stack.var / "run" / "stack.json"):
        assert path.stat().st_mode & 0o077 == 0, path
    command_lines = [" ".join(psutil.Process(part["pid"]).cmdline()) for part in stack.state["parts"].values()]
    assert not [
        line for line in command_lines for secret in stack.settings["embedded"]["passwords"].values() if secret in line
    ]
    assert stack.query("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]


def test_environment_replaces_part(stack: Stack) -> None:
    stack.up(DATABASE_URL="postgres://elsewhere/db")
    assert list(stack.state["parts"]) == ["valkey"]
    assert "DATABASE_URL" not in stack.settings
    assert "S3_BUCKET" not in stack.settings
    assert redis.Redis.from_url(stack.settings["REDIS_URL"]).ping()
    assert not (stack.var / "postgres").exists()


def test_s3_is_ready_when_up_returns(stack: Stack) -> None:
    import boto3
    from botocore.config import Config

    stack.environment = {"DATABASE_URL": "postgres://elsewhere/db", "REDIS_URL": "redis://elsewhere/0"}
    stack.up()

    def client() -> Any:
        return boto3.client(
            "s3", endpoint_url=stack.settings["S3_ENDPOINT_URL"], aws_access_key_id=stack.settings["S3_ACCESS_KEY"],
            aws_secret_access_key=stack.settings["S3_SECRET_KEY"], region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip

    for number in range(30):
        client().put_object(Bucket="millrace", Key=f"objects/{number}", Body=bytes([number]) * 200_000)
    stack("down")
    # Its ports may be taken by somebody else meanwhile; it must find its data on others.
    with socket.create_server(("127.0.0.1", stack.settings["embedded"]["ports"]["s3_master"])):
        stack.up()
    for number in range(30):
        body = client().get_object(Bucket="millrace", Key=f"objects/{number}")["Body"].read()
        assert body == bytes([number]) * 200_000


def test_web_port_taken(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = stack("up", "--fast", PORT=str(port))
    assert result.returncode == 1
    assert f"Port {port} is taken by" in result.stderr
    assert f"(process {os.getpid()})" in result.stderr
    assert f"make up PORT={port + 1}" in result.stderr
    assert "The last start failed: Port" in stack("status").stdout


def test_port_that_is_none(stack: Stack) -> None:
    assert "PORT is 'eighty', which is not a port" in stack.refused(PORT="eighty")


def test_half_a_store_is_refused(stack: Stack) -> None:
    assert "S3_BUCKET is set without S3_ENDPOINT_URL" in stack.refused(S3_ENDPOINT_URL="", S3_BUCKET="mine")


def test_embedded_port_taken_meanwhile(stack: Stack) -> None:
    stack.up()
    stack.query("CREATE TABLE kept AS SELECT 42 AS answer")
    stack("down")
    before = stack.settings["embedded"]["ports"]
    with socket.create_server(("127.0.0.1", before["postgres"])):
        stack.up()
    after = stack.settings["embedded"]["ports"]
    assert after["postgres"] != before["postgres"]
    assert after["valkey"] == before["valkey"]
    assert stack.query("SELECT answer FROM kept") == [(42,)]


def test_killed_supervisor_leaves_nothing_harmful(stack: Stack) -> None:
    stack.up()
    stack.query("CREATE TABLE kept AS SELECT 42 AS answer")
    state = stack.state
    psutil.Process(state["pid"]).kill()
    await_true(lambda: not any(psutil.pid_exists(part["pid"]) for part in state["parts"].values()))
    assert "does not run" in stack("status").stdout
    stack.up()
    assert stack.query("SELECT answer FROM kept") == [(42,)]


def test_leftover_child_is_stopped_and_stranger_is_not(stack: Stack) -> None:
    stack.up()
    stack("down")
    orphan = subprocess.Popen(["sleep", "60"], start_new_session=True)
    stranger = subprocess.Popen(["sleep", "60"])
    state = stack.state
    part = {"state": "running", "restarts": 0, "signal": int(signal.SIGTERM)}
    state["pid"] = os.getpid()  # a stale number that now belongs to somebody else
    state["parts"] = {
        "s3": part | {"pid": orphan.pid, "started": psutil.Process(orphan.pid).create_time()},
        "valkey": part | {"pid": stranger.pid, "started": psutil.Process(stranger.pid).create_time() - 1000},
    }
    (stack.var / "run" / "stack.json").write_text(json.dumps(state))
    try:
        assert "was not stopped properly the last time; ending what is left of it: s3." in stack.up()
        assert orphan.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        orphan.kill()
        stranger.kill()
        stranger.wait()


def test_part_that_dies_is_started_again(stack: Stack) -> None:
    stack.up()
    before = stack.state["parts"]["valkey"]["pid"]
    psutil.Process(before).kill()
    await_true(lambda: stack.state["parts"]["valkey"] | {"pid": 0, "started": 0} == {
        "state": "running", "restarts": 1, "signal": int(signal.SIGTERM), "pid": 0, "started": 0,
    })  # fmt: skip
    assert redis.Redis.from_url(stack.settings["REDIS_URL"]).ping()
    assert "restarted 1 times" in stack("status").stdout


def test_interrupted_initdb_is_begun_anew(stack: Stack) -> None:
    unfinished = stack.var / "postgres.new-1"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")
    stack.up()
    assert not unfinished.exists()
    assert stack.query("SELECT 1") == [(1,)]


def test_incomplete_data_folder_is_moved_aside(stack: Stack) -> None:
    incomplete = stack.var / "postgres"
    (incomplete / "base").mkdir(parents=True)
    (incomplete / "base" / "12345").write_text("somebody's rows")
    said = stack.up()
    assert "was not a complete database. It was moved to" in said
    [aside] = stack.var.glob("postgres.incomplete-*")
    assert (aside / "base" / "12345").read_text() == "somebody's rows"
    assert stack.query("SELECT 1") == [(1,)]


def test_other_major_version_is_refused_untouched(stack: Stack) -> None:
    stack.up()
    stack("down")
    (stack.var / "postgres" / "PG_VERSION").write_text("17\n")
    assert "was written by PostgreSQL 17; this version of Millrace brings 18" in stack.refused()
    (stack.var / "postgres" / "PG_VERSION").write_text("18\n")
    stack.up()


def test_lost_settings_file_is_made_anew(stack: Stack) -> None:
    stack.up()
    stack.query("CREATE TABLE kept AS SELECT 42 AS answer")
    stack("down")
    (stack.var / "stack.json").write_text('{"half a fi')
    stack.up()
    assert (stack.var / "stack.unreadable").exists()
    assert stack.query("SELECT answer FROM kept") == [(42,)]


def test_folder_that_cannot_be_made(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written (Not a directory)" in stack.refused(MILLRACE_VAR=str(tmp_path / "file" / "var"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk(stack: Stack) -> None:
    stack.var.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "none", stack.var], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        said = stack.refused()
        assert "has only 40 MB left. Make room there, until 300 MB are free." in said
        assert not list(stack.var.iterdir())
    finally:
        subprocess.run(["umount", stack.var], check=True)


def test_broken_server_is_told_with_its_log(stack: Stack) -> None:
    stack.up()
    stack("down")
    (stack.var / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    said = stack.refused()
    assert "PostgreSQL ended while it started" in said
    assert "no_such_setting" in said


def test_two_checkouts_at_once(make_stack: Callable[[str], Stack]) -> None:
    one, two = make_stack("one"), make_stack("two")
    one.up()
    two.up()
    assert not set(one.settings["embedded"]["ports"].values()) & set(two.settings["embedded"]["ports"].values())
    one("down")
    assert two.query("SELECT 1") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_program_below_a_closed_folder_runs_without_root(tmp_path: Path) -> None:
    """A checkout in /root: PostgreSQL must reach its own files there, and hold no other right."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copy("/bin/cat", closed / "cat")
    command = [sys.executable, "-IS", str(LAUNCHER), str(os.getpid()), "15", "65534", "65534", str(closed / "cat")]
    status = subprocess.run([*command, "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert set(fields["Uid"].split()) == {"65534"}
    assert int(fields["CapEff"], 16).bit_count() == 1
    assert int(fields["CapPrm"], 16).bit_count() == 1
