"""Answer against answer, time-out and cancel. The database decides each, so each runs in threads that commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.answers import AlreadyAnswered, NotWaiting, approval_answer
from apps.runs.driver import Driver, advance
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunEvent, Step
from apps.runs.waits import place_of, wait_rings
from apps.workspaces.models import Workspace
from tests.runs.asking import approval, given, kinds, start, states, step

Make = Callable[[dict[str, Any]], Workflow]


@pytest.fixture
def committed(workspace: Workspace, alice: User, bob: User, make_workflow: Make) -> Callable[..., Run]:
    """``committed(graph)``: a run that waits, seen by all connections."""

    def make(document: dict[str, Any]) -> Run:
        workflow = make_workflow(document)
        with scope(workspace.id):
            return start(workflow)

    return make


def at_once(workspace: Workspace, *calls: Callable[[], Any]) -> list[Any]:
    """Run them in threads that start together; what each answered or raised."""
    gate = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        try:
            with scope(workspace.id):
                connection.ensure_connection()
                gate.wait(10)
                return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def settled_once(run: Run) -> str:
    """The kind of the one event that settled the approval; that the events have no gap."""
    found = [kind for kind in kinds(run, "ask") if kind in ("step_succeeded", "step_cancelled", "step_failed")]
    assert len(found) == 1, found
    seqs = list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    return found[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_again", range(3))
def test_of_many_answers_one_wins(workspace: Workspace, bob: User, committed: Callable[..., Run], _again: int) -> None:
    run = committed(approval())
    with scope(workspace.id):
        asked = step(run)
    decisions: list[Any] = ["approve", "reject"] * 4

    def answer(decision: Any) -> Callable[[], Any]:
        return lambda: approval_answer(step=asked, user=bob, decision=decision, how="api")

    results = at_once(workspace, *(answer(decision) for decision in decisions))
    won = [result for result in results if isinstance(result, dict)]
    assert len(won) == 1
    assert [type(result) for result in results if result not in won] == [AlreadyAnswered] * 7
    with scope(workspace.id):
        advance(run.id)
        assert settled_once(run) == "step_succeeded"
        assert given(run)["decision"] == won[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("early_ms", [-8, -2, 0, 2, 6, 12])
def test_answer_against_the_time(workspace: Workspace, bob: User, committed: Callable[..., Run], early_ms: int) -> None:
    run = committed(approval())
    with scope(workspace.id):
        soon = timezone.now() + timedelta(milliseconds=60)
        Step.objects.filter(run=run, node="ask").update(wake_at=soon)
        asked = step(run)

    def wait_till(ms: float) -> None:
        pause = threading.Event()
        pause.wait(max(0.0, (soon - timezone.now()).total_seconds() + ms / 1000))

    def answer() -> Any:
        wait_till(-early_ms)
        return approval_answer(step=asked, user=bob, decision="approve", how="api")

    def drive() -> None:
        wait_till(0.2)
        advance(run.id)

    result, driven = at_once(workspace, answer, drive)
    assert driven is None
    with scope(workspace.id):
        for _ in range(3):
            advance(run.id)
        assert settled_once(run) == "step_succeeded"
        decision = given(run)["decision"]["decision"]
        assert decision == ("timeout" if isinstance(result, NotWaiting) else "approve")
        branch = "timeout" if decision == "timeout" else "approved"
        assert {name for name in ("approved", "rejected", "timeout") if states(run)[name] == "completed"} == {branch}


@pytest.mark.django_db(transaction=True)
def test_the_time_waits_for_an_answer_under_way(workspace: Workspace, bob: User, committed: Callable[..., Run]) -> None:
    """The driver has read the row, an answer in time commits, then the driver finds the time over."""
    run = committed(approval())
    with scope(workspace.id):
        asked = step(run)
        lease = lease_take(run.id)
        assert lease
        driver = Driver(lease)
        rows = driver._load()
        approval_answer(step=asked, user=bob, decision="approve", how="page")
        stale = dict(rows)
        next(row for row in stale.values() if row.asked).wake_at = timezone.now() - timedelta(seconds=1)
        loads = iter([stale])
        fresh = driver._load
        driver._load = lambda: next(loads, None) or fresh()  # type: ignore[method-assign]
        driver.drive()
        assert settled_once(run) == "step_succeeded"
        assert given(run)["decision"]["decision"] == "approve"
        assert states(run)["timeout"] == "skipped"


@pytest.mark.django_db(transaction=True)
def test_the_lock_is_waited_for(workspace: Workspace, bob: User, committed: Callable[..., Run]) -> None:
    run = committed(approval())
    with scope(workspace.id):
        asked = step(run)
        soon = timezone.now() + timedelta(seconds=2)
        Step.objects.filter(run=run, node="ask").update(wake_at=soon)
    held, ringing, place = threading.Event(), threading.Event(), place_of(asked)

    def answer() -> Any:
        with transaction.atomic():
            made = approval_answer(step=asked, user=bob, decision="approve", how="page")
            held.set()
            ringing.wait(10)  # the time is over while this is open
            threading.Event().wait(0.3)
            return made

    def rings() -> bool:
        held.wait(10)
        threading.Event().wait(max(0.0, (soon - timezone.now()).total_seconds()) + 0.05)
        ringing.set()
        return wait_rings(place)

    made, rang = at_once(workspace, answer, rings)
    assert made["decision"] == "approve"
    assert rang is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_again", range(4))
def test_answer_against_cancel(workspace: Workspace, bob: User, committed: Callable[..., Run], _again: int) -> None:
    run = committed(approval())
    with scope(workspace.id):
        asked = step(run)

    def cancel() -> None:
        services.run_cancel(run=Run.objects.get(id=run.id))
        advance(run.id)

    result, cancelled = at_once(
        workspace, lambda: approval_answer(step=asked, user=bob, decision="approve", how="page"), cancel
    )
    assert cancelled is None
    with scope(workspace.id):
        advance(run.id)
        run.refresh_from_db()
        assert run.state == "cancelled"
        assert settled_once(run) == ("step_cancelled" if isinstance(result, NotWaiting) else "step_succeeded")
