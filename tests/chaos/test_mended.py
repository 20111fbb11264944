"""What breaking once showed, and must not come back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from kombu import Connection

from apps.common.heartbeat import heartbeat
from apps.common.lanes import Message
from apps.runs.tasks import advance_run

NOWHERE = "redis://127.0.0.1:1/0"


def _session() -> int:
    """The server process behind this thread's connection, which then goes back to the pool."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    connection.close()
    return pid


@pytest.mark.django_db
def test_dead_connection_of_the_pool_is_replaced_before_it_is_used() -> None:
    with ThreadPoolExecutor(1) as thread:
        pid = thread.submit(_session).result()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert thread.submit(_session).result() != pid


def test_message_that_cannot_be_sent_fails_nobody() -> None:
    assert isinstance(advance_run, Message)
    with Connection(NOWHERE) as nowhere:
        assert advance_run.apply_async(kwargs={"run_id": "x"}, connection=nowhere, retry=False) is None


@pytest.mark.django_db
def test_what_else_waits_for_the_commit_is_done() -> None:
    """Django skips the rest after a hook that raises, unless that hook is robust."""
    advance_run.delay_on_commit(run_id="x")
    _savepoints, _hook, robust = connection.run_on_commit[-1]  # type: ignore[misc]
    assert robust


def test_heartbeat_goes_on_after_a_failed_beat_and_ends_with_its_block() -> None:
    beats: list[float] = []
    third = threading.Event()

    def renew() -> None:
        beats.append(time.monotonic())
        if len(beats) == 1:
            raise OSError("the database restarts")
        if len(beats) == 3:
            third.set()

    with heartbeat(renew, every_s=0.01):
        assert third.wait(30)
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) == count
