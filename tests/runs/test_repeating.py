"""A step that is in every detail as in the run before: its row is copied in the database, and is like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.projects.models import Workflow
from apps.runs import journal, reuse
from apps.runs.driver import Driver, advance
from apps.runs.journal import FenceLost, Journal
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunEvent, Step
from apps.runs.services import run_start
from tests.runs.graphs import graph, node

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]
MOMENTS = {"started_at", "finished_at"}


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    """Each test begins as a process that has just started."""
    reuse.MEMORY.clear()
    reuse.FINISHED.clear()


@pytest.fixture
def workflow(make_workflow: Make) -> Workflow:
    """A list that maps a step, texts with characters that JSON escapes, and a part of its own."""
    nodes = [
        node("words", "input.text", text='a b\n"é\\"\n\u2028'),
        node("split", "flow.split"),
        node("each", "flow.split", separator=" "),
        node("text", "flow.template", template="fixed\n{{ values }}"),
        node("end"),
    ]
    edges = [
        ("words", "text", "split", "text"),
        ("split", "texts", "each", "text"),
        ("words", "text", "text", "values"),
        ("text", "text", "end", "value"),
    ]
    return make_workflow(graph(nodes, *edges))


def ended(workflow: Workflow) -> Run:
    run = run_start(workflow=workflow, actor_id=None)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed", run.error
    return run


def rows(run: Run) -> list[dict[str, Any]]:
    found = Step.objects.filter(run=run).order_by("position", "item")
    return [{k: v for k, v in row.items() if k not in MOMENTS | {"run_id"}} for row in found.values()]


def events(run: Run) -> list[tuple[int, str, Any]]:
    return list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", "kind", "body"))


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The nodes of rows that are copied from now on."""
    found: list[str] = []
    copy = Journal.copy

    def noted(self: Journal, known: reuse.Earlier, item: int, at: Any) -> None:
        found.append(known.step.node if known.step else "")
        copy(self, known, item, at)

    monkeypatch.setattr(Journal, "copy", noted)
    return found


def test_a_copied_row_is_the_row_that_would_have_been_written(workflow: Workflow, copies: list[str]) -> None:
    ended(workflow)
    reuse.FINISHED.clear()  # another process: it reads the run before, and writes each row
    written = ended(workflow)
    assert not copies
    copied = ended(workflow)
    assert copies == ["words", "split", "text", "each", "each", "end"]
    assert rows(copied) == rows(written)
    assert events(copied) == events(written)
    assert {row["state"] for row in rows(copied)} == {"cached"}
    for row in Step.objects.filter(run=copied):
        assert row.started_at == row.finished_at and row.finished_at >= copied.created_at


def test_rows_that_are_gone_are_written_anew(workflow: Workflow) -> None:
    before = ended(workflow)
    twin = rows(ended(workflow))
    Step.objects.filter(run__workflow=workflow).delete()
    after = ended(workflow)
    assert rows(after) == twin
    assert [row["outputs"] for row in rows(after)] != [] and before.id != after.id


def test_a_part_that_is_gone_is_no_half_of_a_run(workflow: Workflow) -> None:
    ended(workflow)
    twin = ended(workflow)
    expected = rows(twin)
    Step.objects.filter(run=twin, node="text").delete()
    assert rows(ended(workflow)) == expected


def test_a_driver_that_lost_its_lease_copies_nothing(workflow: Workflow) -> None:
    ended(workflow)
    run = run_start(workflow=workflow, actor_id=None)
    lease = lease_take(run.id)
    assert lease is not None
    Run.objects.filter(id=run.id).update(fence=lease.fence + 1)
    with pytest.raises(FenceLost):
        Driver(lease).drive()
    assert not Step.objects.filter(run=run).exists() and not RunEvent.objects.filter(run=run).exists()


def test_a_second_driver_goes_on_among_copied_rows(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [rows(ended(workflow)), rows(ended(workflow))][1]
    monkeypatch.setattr(journal, "BATCH_REUSED", 4)
    run = run_start(workflow=workflow, actor_id=None)
    lease = lease_take(run.id)
    assert lease is not None
    driver = Driver(lease)
    monkeypatch.setattr(Driver, "_finish", lambda _self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        driver.drive()
    monkeypatch.undo()
    assert 0 < Step.objects.filter(run=run).count() < len(expected)
    Run.objects.filter(id=run.id).update(lease_until=None)
    advance(run.id)
    assert rows(run) == expected
    assert [seq for seq, _kind, _body in events(run)] == list(range(1, len(events(run)) + 1))
