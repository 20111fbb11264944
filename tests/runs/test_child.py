"""A step's own process: what it may use, what it reaches, how its end is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from apps.engine.node_types import Limits, NodeContext, NodeFailure
from apps.runs.child import Child, ChildBroke, Ended
from apps.runs.confined import RESULT_LIMIT
from tests.nodes.context import FolderContext
from tests.runs.live import wait_for

Work = Callable[[NodeContext], Mapping[str, Any]]
MIB = 1024**2


@pytest.fixture
def context(tmp_path: Path) -> FolderContext:
    return FolderContext(tmp_path, variables={"x": 1}, attempt=3)


def follow(work: Work, context: FolderContext, **options: Any) -> Ended:
    limits = Limits(**{"memory_mb": 200, "cpu_s": 5, "time_s": 10, **options})
    child = Child(work, context, limits)
    ended = child.follow()
    assert not psutil.pid_exists(child.pid)
    return ended


def code(ended: Ended) -> str:
    assert ended.outputs is None
    assert ended.error is not None
    sentence = ended.error["message"]
    assert sentence[0].isupper() and sentence.endswith(".")
    return str(ended.error["code"])


def test_outputs_come_back_and_what_it_tells_streams_through(context: FolderContext, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("sea")

    def work(inside: NodeContext) -> Mapping[str, Any]:
        inside.log("begun")
        inside.progress(0.5, "half")
        with inside.asset_open({"$asset": "in"}) as path, tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "out"
            made.write_text(path.read_text() * 2)
            kept = inside.asset_save(made, "out")
        inside.asset_publish(kept, "Sea")
        return {"kept": kept, "was": inside.asset_get("a"), "x": inside.variables["x"], "attempt": inside.attempt}

    ended = follow(work, context)
    assert ended.outputs == {
        "kept": {"$asset": "out", "kind": "image"},
        "was": {"$asset": "a", "kind": "image"},
        "x": 1,
        "attempt": 3,
    }
    assert (tmp_path / "out").read_text() == "seasea"
    assert (context.lines, context.told) == (["begun"], [0.5])
    assert context.published == [({"$asset": "out", "kind": "image"}, "Sea")]


def test_failure_of_the_node_is_its_own(context: FolderContext) -> None:
    def work(inside: NodeContext) -> Mapping[str, Any]:
        raise NodeFailure("No sea here.", code="no-sea", permanent=False)

    assert follow(work, context).error == {"code": "no-sea", "message": "No sea here.", "permanent": False}


def test_failure_of_what_it_asked_for_reaches_the_node(context: FolderContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(asset_id: str) -> Mapping[str, Any]:
        raise NodeFailure("The file is gone.", code="no-asset")

    monkeypatch.setattr(context, "asset_get", gone)

    def work(inside: NodeContext) -> Mapping[str, Any]:
        try:
            inside.asset_get("a")
        except NodeFailure as failure:
            return {"told": [failure.code, str(failure), failure.permanent]}
        return {}

    assert follow(work, context).outputs == {"told": ["no-asset", "The file is gone.", True]}


def test_bug_of_the_node_is_told_with_its_place(context: FolderContext) -> None:
    def work(inside: NodeContext) -> Mapping[str, Any]:
        return {"x": 1 / 0}

    with pytest.raises(ChildBroke, match="ZeroDivisionError") as broke:
        follow(work, context)
    assert broke.value.kind == "ZeroDivisionError"


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_is_no_json_is_a_bug(context: FolderContext, value: object) -> None:
    with pytest.raises(ChildBroke):
        follow(lambda _inside: {"x": value}, context)


def test_too_large_a_result_is_refused(context: FolderContext) -> None:
    assert len(str((follow(lambda _inside: {"x": "y" * (RESULT_LIMIT - 100)}, context).outputs or {})["x"])) > MIB
    assert code(follow(lambda _inside: {"x": "y" * RESULT_LIMIT}, context)) == "too-large"


# Limits


def grow(_inside: NodeContext) -> Mapping[str, Any]:
    taken = []
    while True:
        taken.append(b"\1" * (4 * MIB))
        time.sleep(0.005)


def test_memory_is_limited(context: FolderContext) -> None:
    ended = follow(grow, context, memory_mb=100)
    assert code(ended) == "out-of-memory"
    assert ended.error and ended.error["message"] == "It used more than 100 MB of memory." and ended.error["permanent"]


def test_memory_under_the_limit_is_fine(context: FolderContext) -> None:
    def work(_inside: NodeContext) -> Mapping[str, Any]:
        taken = b"\1" * (150 * MIB)
        time.sleep(0.3)
        return {"size": len(taken)}

    assert follow(work, context, memory_mb=200).outputs == {"size": 150 * MIB}


def test_memory_taken_at_one_blow_is_refused_by_the_kernel(context: FolderContext) -> None:
    ended = follow(lambda _inside: {"x": len(b"\1" * (4096 * MIB))}, context, memory_mb=2048)
    assert code(ended) == "out-of-memory"
    assert ended.error and "2 GB" in ended.error["message"]


def test_memory_of_what_it_starts_counts(context: FolderContext) -> None:
    def work(_inside: NodeContext) -> Mapping[str, Any]:
        subprocess.run([sys.executable, "-c", "import time; x = b'1' * (150 << 20); time.sleep(30)"], check=False)
        return {}

    assert code(follow(work, context, memory_mb=100)) == "out-of-memory"


def test_processor_time_is_limited(context: FolderContext) -> None:
    def work(_inside: NodeContext) -> Mapping[str, Any]:
        while True:
            pass

    ended = follow(work, context, cpu_s=0.5)
    assert code(ended) == "cpu-limit"
    assert ended.error and "0.5 s" in ended.error["message"] and ended.error["permanent"]


def test_time_is_limited_by_the_type_or_the_policy(context: FolderContext) -> None:
    def work(_inside: NodeContext) -> Mapping[str, Any]:
        time.sleep(30)
        return {}

    began = time.monotonic()
    ended = follow(work, context, time_s=0.3)
    assert code(ended) == "timeout"
    assert ended.error and not ended.error["permanent"]
    shorter = Child(work, context, Limits(time_s=20), timeout_s=0.2).follow()
    assert code(shorter) == "timeout"
    assert shorter.error and "0.2 s" in shorter.error["message"]
    assert time.monotonic() - began < 25, "long before its half minute is over"


def test_crash_is_told_by_its_signal(context: FolderContext) -> None:
    def work(_inside: NodeContext) -> Mapping[str, Any]:
        os.kill(os.getpid(), signal.SIGSEGV)
        return {}

    ended = follow(work, context)
    assert code(ended) == "child-died"
    assert ended.error and "SIGSEGV" in ended.error["message"]
    assert code(follow(lambda _inside: os._exit(3), context)) == "child-died"


# Ended from outside


def kill_when_told(child: Child, context: FolderContext) -> None:
    """Kill the process from another thread once its first line has come."""

    def kill() -> None:
        wait_for(lambda: context.lines or None)
        child.kill()

    threading.Thread(target=kill, daemon=True).start()


def test_killed_from_another_thread_with_all_it_started(context: FolderContext, tmp_path: Path) -> None:
    def work(inside: NodeContext) -> Mapping[str, Any]:
        started = subprocess.Popen(["sleep", "60"])
        inside.log(str(started.pid))
        time.sleep(60)
        return {}

    child = Child(work, context, Limits())
    kill_when_told(child, context)
    assert child.follow() == Ended()
    wait_for(lambda: not psutil.pid_exists(int(context.lines[0])) or None)
    child.kill()  # once more, too late: nobody is hit


def test_folder_of_a_killed_process_is_tidied_up(context: FolderContext) -> None:
    def work(inside: NodeContext) -> Mapping[str, Any]:
        inside.log(tempfile.mkdtemp())
        time.sleep(60)
        return {}

    child = Child(work, context, Limits())
    kill_when_told(child, context)
    child.follow()
    assert context.lines and not Path(context.lines[0]).exists()


def test_dies_with_its_worker(tmp_path: Path) -> None:
    """A worker that is killed cannot end its child: the kernel does."""
    told = tmp_path / "pid"
    worker = os.fork()
    if worker == 0:

        def work(_inside: NodeContext) -> Mapping[str, Any]:
            told.write_text(str(os.getpid()))
            time.sleep(60)
            return {}

        Child(work, FolderContext(tmp_path), Limits()).follow()
        os._exit(0)
    pid = int(wait_for(lambda: (told.exists() and told.read_text()) or None))
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie" or None, 5)


# What it has of its worker


@pytest.mark.django_db
def test_has_none_of_its_workers_connections(context: FolderContext) -> None:
    connection.ensure_connection()

    def work(_inside: NodeContext) -> Mapping[str, Any]:
        own = psutil.Process()
        sockets = [fd for fd in os.listdir("/proc/self/fd") if "socket" in os.path.realpath(f"/proc/self/fd/{fd}")]
        try:
            connection.cursor().execute("SELECT 1")
            reached = True
        except Exception:
            reached = False
        return {"sockets": len(sockets), "reached": reached, "threads": own.num_threads()}

    assert follow(work, context).outputs == {"sockets": 1, "reached": False, "threads": 1}
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), "the worker's connection lives"
