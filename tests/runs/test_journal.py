"""The journal: batches that are written while the driver goes on, and what may not overtake them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.runs import driver, services
from apps.runs.journal import FenceLost, Journal
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunEvent, Step
from apps.workspaces.models import Workspace
from tests.runs.graphs import chain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(workspace: Workspace, make_workflow: Callable[[dict[str, Any]], Workflow]) -> Iterator[Run]:
    """A run that this test drives."""
    with scope(workspace.id):
        yield services.run_start(workflow=make_workflow(chain(3)), actor_id=None)


@pytest.fixture
def journal(run: Run) -> Journal:
    lease = lease_take(run.id)
    assert lease is not None
    return Journal(run.id, lease.fence, 10)


def note(journal: Journal, line: str) -> None:
    journal.event("step_log", timezone.now(), {"line": line})


def lines(run: Run) -> list[str]:
    return [body["line"] for body in RunEvent.objects.filter(run=run).order_by("seq").values_list("body", flat=True)]


def test_batches_written_behind_keep_their_order(run: Run, journal: Journal) -> None:
    for number in range(20):
        note(journal, str(number))
        journal.flush_behind()
    note(journal, "last")
    journal.flush()
    assert lines(run) == [*map(str, range(20)), "last"]
    assert list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", flat=True)) == list(range(1, 22))


def test_what_waits_for_the_commit_is_done_after_it(run: Run, journal: Journal) -> None:
    seen: list[list[str]] = []
    note(journal, "first")
    journal.after(lambda: seen.append(lines(run)))
    journal.flush_behind()
    assert seen == [["first"]]


def test_a_barrier_waits_for_the_batch_that_is_under_way(run: Run, journal: Journal) -> None:
    note(journal, "first")
    journal.flush_behind()
    journal.barrier()
    assert lines(run) == ["first"]
    assert journal.empty


def test_a_lost_lease_is_told_at_the_next_batch_and_nothing_was_written(run: Run, journal: Journal) -> None:
    Run.objects.filter(id=run.id).update(fence=journal.fence + 1)
    note(journal, "from a driver that lost its lease")
    journal.flush_behind()
    with pytest.raises(FenceLost):
        journal.flush()
    assert lines(run) == []


def test_a_cancellation_is_heard_with_the_batch(run: Run, journal: Journal) -> None:
    services.run_cancel(run=run)
    note(journal, "first")
    journal.flush_behind()
    journal.join()
    assert journal.cancel_asked


def test_inside_a_transaction_the_batch_belongs_to_it(run: Run, journal: Journal) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        note(journal, "never")
        journal.flush_behind()
        raise RuntimeError
    assert lines(run) == []


def test_nothing_is_written_once_the_driver_has_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch of a driver that ends by an accident must not come after the run's end and open it again."""
    original = Journal._write_there

    def slow(self: Journal, parameters: dict[str, Any]) -> bool:
        time.sleep(0.2)
        return original(self, parameters)

    def broken(self: driver.Driver) -> None:
        note(self.now.journal, "the last")
        self.now.journal.flush_behind()
        raise ValueError("a bug")

    monkeypatch.setattr(Journal, "_write_there", slow)
    monkeypatch.setattr(driver.Driver, "_pass", broken)
    for _ in range(5):
        Run.objects.filter(id=run.id).update(lease_until=None)
        driver.advance(run.id)
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.finished_at is not None
    assert not Step.objects.filter(run=run, state="running").exists()
    assert not connection.in_atomic_block
