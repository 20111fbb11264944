"""The driver in one process: what it writes, hands out, leaves for later, and what a zombie cannot do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.billing.services import InsufficientCredits, balance_get
from apps.engine.node_types import Lane
from apps.projects.models import Workflow
from apps.runs import acts, execution, services, sweeps, trouble
from apps.runs.claims import claim_next
from apps.runs.driver import Driver, advance
from apps.runs.journal import FenceLost
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunEvent, Step
from apps.runs.plans import InvalidGraph
from apps.workspaces.models import Workspace
from tests.runs.conftest import GRANTED
from tests.runs.graphs import chain, graph, image, node
from tests.runs.lanes import take

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


def start(workflow: Workflow, **options: Any) -> Run:
    return services.run_start(workflow=workflow, actor_id=None, **options)


def states(run: Run) -> dict[str, str]:
    return dict(Step.objects.filter(run=run).values_list("node", "state"))


def events(run: Run) -> list[tuple[int, str]]:
    return list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", "kind"))


def test_watchers_are_poked_after_the_commit(
    make_workflow: Make, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    run = start(make_workflow(chain(3)))
    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as watcher:
        watcher.subscribe(f"{settings.CHANNEL_PREFIX}__group__run.{run.id}")
        assert watcher.get_message(timeout=5)
        with django_capture_on_commit_callbacks(execute=True):
            advance(run.id)
            assert watcher.get_message(timeout=0.2) is None, "a reader woken now would find nothing"
        assert watcher.get_message(timeout=5)


def test_chain_completes_with_gapless_events(make_workflow: Make) -> None:
    run = start(make_workflow(chain(100)))
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    assert set(states(run).values()) == {"completed"}
    seqs = [seq for seq, _kind in events(run)]
    assert seqs == list(range(1, run.last_seq + 1))
    assert [kind for _seq, kind in events(run)] == ["run_started"] + ["step_started", "step_succeeded"] * 100 + [
        "run_finished"
    ]


def test_journal_costs_a_handful_of_queries(make_workflow: Make, django_assert_max_num_queries: Any) -> None:
    run = start(make_workflow(chain(100)))
    with django_assert_max_num_queries(8):
        advance(run.id)


def test_value_travels(make_workflow: Make) -> None:
    document = graph(
        [node("a", "input.number", number=3), node("b", "flow.template", template="{{ value }} seas"), node("c")],
        ("a", "number", "b", "values"),
        ("b", "text", "c", "value"),
    )
    run = start(make_workflow(document))
    advance(run.id)
    assert Step.objects.get(run=run, node="c").outputs == {"value": "3 seas"}


def test_branch_not_taken_is_shown_as_skipped(make_workflow: Make) -> None:
    document = graph(
        [
            node("a", "input.number", number=3),
            node("c", "flow.condition", expression="value > 2"),
            node("yes", "flow.wait", seconds=0),
            node("no", "flow.wait", seconds=0),
        ],
        ("a", "number", "c", "value"),
        ("c", "true", "yes", "value"),
        ("c", "false", "no", "value"),
    )
    run = start(make_workflow(document))
    advance(run.id)
    Run.objects.filter(id=run.id).update(wake_at=timezone.now())
    advance(run.id)
    assert states(run) == {"a": "completed", "c": "completed", "yes": "completed", "no": "skipped"}
    skipped = Step.objects.get(run=run, node="no")
    assert skipped.error and "another branch" in skipped.error["message"]


def test_failure_ends_the_run_with_a_sentence(make_workflow: Make) -> None:
    document = graph(
        [node("a", "input.text", text="x"), node("c", "flow.condition", expression="value > 1"), node("d")],
        ("a", "text", "c", "value"),
        ("c", "true", "d", "value"),
    )
    run = start(make_workflow(document))
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error and run.error["node"] == "c"
    assert states(run) == {"a": "completed", "c": "failed", "d": "skipped"}


def test_variables_fill_parameters_and_are_checked(make_workflow: Make) -> None:
    document = graph([node("a", "input.number", number={"$variable": "n"})], variables={"n": 1})
    workflow = make_workflow(document)
    good = start(workflow, variables={"n": 5})
    advance(good.id)
    assert Step.objects.get(run=good).outputs == {"number": 5}
    with pytest.raises(InvalidGraph) as refused:
        start(workflow, variables={"n": "five"})
    assert [problem.as_dict() for problem in refused.value.problems] == [
        {"node": "a", "port": "number", "code": "bad-param", "message": "Number must be a number."}
    ]


def test_waiting_holds_nothing_and_wakes(make_workflow: Make) -> None:
    document = graph([node("a"), node("w", "flow.wait", seconds=3600)], ("a", "value", "w", "value"))
    run = start(make_workflow(document))
    advance(run.id)
    run.refresh_from_db()
    assert (run.state, run.lease_until) == ("waiting", None)
    assert run.wake_at and timedelta(minutes=59) < run.wake_at - timezone.now() < timedelta(minutes=61)
    assert run.id not in sweeps.runs_due()
    Run.objects.filter(id=run.id).update(wake_at=timezone.now())
    Step.objects.filter(run=run, node="w").update(wake_at=timezone.now())
    assert run.id in sweeps.runs_due()
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"


def test_heavy_step_is_handed_out_after_its_barrier(make_workflow: Make, funded: Workspace, alice: User) -> None:
    document = graph(
        [node("f", "input.asset", asset="00000000-0000-0000-0000-000000000000"), node("r", "image.resize")],
        ("f", "asset", "r", "image"),
    )
    run = start(make_workflow(document))
    assert advance(run.id) == []
    run.refresh_from_db()
    assert run.state == "failed"
    assert "gone" in str(run.error or Step.objects.get(run=run, node="f").error)


def dispatched(run: Run, position: int, type_name: str = "image.resize") -> None:
    """A step as the driver leaves it for a lane."""
    Run.objects.filter(id=run.id).update(fence=1)
    Step.objects.create(
        workspace_id=run.workspace_id,
        run=run,
        position=position,
        node="n0",
        type=type_name,
        state="ready",
        inputs={},
        lane=Lane.WORK,
        dispatched_at=timezone.now(),
    )


def test_claim_is_taken_once(make_workflow: Make) -> None:
    run = start(make_workflow(chain(1)))
    dispatched(run, 0, "test.pass")
    assert take()
    assert not take(), "a repeated message finds nothing"
    assert states(run) == {"n0": "completed"}


def test_dead_workers_step_is_handed_out_again(make_workflow: Make) -> None:
    run = start(make_workflow(chain(1)))
    dispatched(run, 0)
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run).update(state="running", lease_until=past, fence=1, claims=1)
    assert not take(), "not before it is taken from the dead one"
    assert sweeps.lanes_due() == {Lane.WORK: 1}
    assert take()
    step = Step.objects.get(run=run)
    assert (step.fence, step.claims, step.state) == (3, 2, "completed")
    assert sweeps.lanes_due() == {}


def test_cancel_takes_a_step_back_from_its_lane(make_workflow: Make) -> None:
    run = start(make_workflow(chain(2)))
    dispatched(run, 0)
    services.run_cancel(run=run)
    advance(run.id)
    assert states(run) == {"n0": "cancelled", "n1": "cancelled"}
    assert not take(), "nothing is left to claim"


def test_step_that_settled_before_the_cancel_stays_settled(make_workflow: Make) -> None:
    run = start(make_workflow(chain(2)))
    dispatched(run, 0)
    lease = lease_take(run.id)
    assert lease
    assert take()
    now = Driver(lease).now
    assert not acts._take_back(now, now.plan.steps[0], 0), "the worker was first"


def test_step_that_kills_workers_is_given_up(make_workflow: Make) -> None:
    run = start(make_workflow(chain(1)))
    dispatched(run, 0, "test.pass")
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run).update(state="running", lease_until=past, claims=3)
    sweeps.lanes_due()
    assert take()
    step = Step.objects.get(run=run)
    assert step.state == "failed"
    assert step.error and step.error["code"] == "poison"


def test_zombie_driver_writes_nothing(make_workflow: Make) -> None:
    run = start(make_workflow(chain(3)))
    zombie = lease_take(run.id)
    assert zombie
    assert lease_take(run.id) is None, "one driver per run"
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    advance(run.id)
    before = events(run)
    with pytest.raises(FenceLost):
        Driver(zombie).drive()
    assert events(run) == before
    run.refresh_from_db()
    assert run.state == "completed"


def test_driver_goes_on_where_a_dead_one_stopped(make_workflow: Make) -> None:
    """Half of the journal is there, the rest was lost with the process: the rest runs, once."""
    run = start(make_workflow(chain(10)))
    lease = lease_take(run.id)
    assert lease
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runs_step (workspace_id, run_id, position, item, node, type, state, attempt, fence, claims, "
            "outputs, cost, cache_reason) SELECT %s, %s, n, 0, 'n' || n, 'test.pass', 'completed', 1, 0, 0, "
            "'{\"value\": null}', 0, '' FROM generate_series(0, 4) AS n",
            [run.workspace_id, run.id],
        )
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeps.starts_due()
    advance(run.id)
    started = [event.body["node"] for event in RunEvent.objects.filter(run=run, kind="step_started").order_by("seq")]
    assert started == [f"n{i}" for i in range(5, 10)]


def test_cancelled_run_starts_nothing_more(make_workflow: Make) -> None:
    document = graph(
        [node("w", "flow.wait", seconds=3600), node("b")], ("w", "value", "b", "value"), ("a", "value", "w", "value")
    )
    document["nodes"].insert(0, node("a"))
    run = start(make_workflow(document))
    advance(run.id)
    services.run_cancel(run=run)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert states(run) == {"a": "completed", "w": "cancelled", "b": "cancelled"}
    again = services.run_cancel(run=run)
    assert again.last_seq == run.last_seq, "cancelling twice changes nothing"


def test_retry_takes_what_succeeded(make_workflow: Make) -> None:
    document = graph(
        [node("a"), node("b", fail_times=1), node("c")], ("a", "value", "b", "value"), ("b", "value", "c", "value")
    )
    first = start(make_workflow(document))
    advance(first.id)
    first.refresh_from_db()
    assert first.state == "failed"
    second = services.run_retry(run=first, actor_id=None)
    advance(second.id)
    second.refresh_from_db()
    assert second.state == "completed"
    assert states(second) == {"a": "cached", "b": "completed", "c": "completed"}
    assert Step.objects.get(run=second, node="b").attempt == 2
    with pytest.raises(services.RunNotFailed):
        services.run_retry(run=second, actor_id=None)


def test_too_few_credits_refuse_the_run_whole(make_workflow: Make, workspace: Workspace) -> None:
    workflow = make_workflow(image())
    with pytest.raises(InsufficientCredits) as refusal:
        start(workflow)
    assert refusal.value.missing == 4_000_000
    assert not Run.objects.exists()


def test_hold_is_the_highest_price_and_ends_with_the_run(make_workflow: Make, funded: Workspace) -> None:
    run = start(make_workflow(image()))
    assert balance_get(workspace_id=funded.id).held == run.price_high == 4_000_000
    services.run_cancel(run=run)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "cancelled"
    balance = balance_get(workspace_id=funded.id)
    assert (balance.posted, balance.held) == (GRANTED, 0)


def test_graph_is_stored_once(make_workflow: Make) -> None:
    workflow = make_workflow(chain(3))
    assert start(workflow).graph_id == start(workflow).graph_id


def test_cancel_whose_message_was_lost_is_heard(make_workflow: Make) -> None:
    nodes = [node("n", "input.number", number=1), node("wait", "flow.wait", seconds=3600)]
    run = start(make_workflow(graph(nodes, ("n", "number", "wait", "value"))))
    advance(run.id)
    services.run_cancel(run=run)
    Run.objects.filter(id=run.id).update(touched_at=timezone.now())
    assert run.id not in sweeps.runs_due(), "its message is young"
    Run.objects.filter(id=run.id).update(touched_at=timezone.now() - timedelta(seconds=6))
    assert run.id in sweeps.runs_due()


def test_step_that_ends_while_it_is_cancelled_ends_once(make_workflow: Make) -> None:
    class Slow(Driver):
        """A driver whose worker is done right after the driver has read that it is not."""

        def _load(self) -> Any:
            rows = super()._load()
            if Step.objects.filter(run=run, state="running").exists():
                assert claim is not None and execution._complete(claim, {"value": 1})
            return rows

    run = start(make_workflow(chain(2)))
    dispatched(run, 0, "test.pass")
    claim = claim_next(Lane.WORK)
    assert claim is not None
    services.run_cancel(run=run)
    lease = lease_take(run.id)
    assert lease is not None
    Slow(lease).drive()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert states(run) == {"n0": "completed", "n1": "cancelled"}
    assert [kind for _seq, kind in events(run) if kind in ("step_succeeded", "step_cancelled")] == [
        "step_succeeded",
        "step_cancelled",
    ]
    assert [seq for seq, _kind in events(run)] == list(range(1, run.last_seq + 1))


def test_run_whose_driver_breaks_each_time_ends(make_workflow: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(make_workflow(chain(2)))
    dispatched(run, 0)

    def broken(_self: Driver) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(Driver, "drive", broken)
    for _ in range(trouble.TRIES):
        run.refresh_from_db()
        assert run.finished_at is None
        Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        advance(run.id)
    run.refresh_from_db()
    assert run.error
    assert (run.state, run.error["code"], run.lease_until) == ("failed", "internal", None)
    assert states(run)["n0"] == "cancelled"
    told = RunEvent.objects.get(run=run, kind="step_cancelled")
    assert Step.objects.get(run=run, node="n0").error == told.body["error"]
    assert [kind for _seq, kind in events(run)][-2:] == ["step_cancelled", "run_finished"]
    advance(run.id)
    assert events(run)[-1][0] == run.last_seq
