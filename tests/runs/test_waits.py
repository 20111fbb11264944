"""Waiting steps: one answer wins, whoever else comes at the same moment; and a sleeping run is found on time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.projects.models import Workflow
from apps.runs import services, sweeps
from apps.runs.answers import AlreadyAnswered, NotApprover, NotWaiting, approval_answer, callback_answer
from apps.runs.drive import Ring
from apps.runs.driver import advance
from apps.runs.lease import lease_take
from apps.runs.models import Run, RunEvent
from apps.runs.waits import Place, callback_place, callback_token
from apps.workspaces.models import Membership, Role, Workspace
from tests.runs.asking import approval, callback, given, kinds, ring, start, states, step
from tests.runs.graphs import graph, node

Make = Callable[[dict[str, Any]], Workflow]


@pytest.mark.usefixtures("inside")
class TestAnswers:
    def test_a_waiting_run_is_rows_only(self, make_workflow: Make) -> None:
        run = start(make_workflow(approval()))
        run.refresh_from_db()
        assert (run.state, run.lease_until) == ("waiting", None)
        assert run.wake_at == step(run).wake_at
        assert kinds(run, "ask") == ["step_started", "step_waiting"]
        told = RunEvent.objects.get(run=run, kind="step_waiting").body
        assert told["request"] == {"kind": "approval", "message": "", "approvers": []}
        assert "outputs" not in told or "approved" not in told["outputs"]

    @pytest.mark.parametrize(("decision", "port"), [("approve", "approved"), ("reject", "rejected")])
    def test_one_branch_and_the_decision(self, make_workflow: Make, bob: User, decision: Any, port: str) -> None:
        run = start(make_workflow(approval()))
        approval_answer(step=step(run), user=bob, decision=decision, comment=" fine ", how="page")
        advance(run.id)
        run.refresh_from_db()
        assert run.state == "completed"
        others = {name: "skipped" for name in ("approved", "rejected", "timeout") if name != port}
        assert states(run) == {
            "words": "completed", "ask": "completed", port: "completed", "decision": "completed", **others
        }  # fmt: skip
        assert step(run, port).outputs == {"value": "sea"}
        made = given(run, "decision")["value"]
        assert made["who"] == {"id": str(bob.id), "name": "Bob", "email": "bob@example.org"}
        assert (made["decision"], made["comment"], made["how"]) == (decision, "fine", "page")
        assert kinds(run, "ask") == ["step_started", "step_waiting", "step_succeeded"]
        seqs = list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, run.last_seq + 1))

    def test_silence_takes_the_timeout_branch(self, make_workflow: Make) -> None:
        run = start(make_workflow(approval()))
        ring(run)
        advance(run.id)
        assert states(run)["timeout"] == "completed"
        assert states(run)["approved"] == states(run)["rejected"] == "skipped"
        assert given(run, "decision")["value"]["decision"] == "timeout"

    def test_the_second_is_told_who_was_first(self, make_workflow: Make, bob: User, alice: User) -> None:
        run = start(make_workflow(approval()))
        asked = step(run)
        approval_answer(step=asked, user=bob, decision="approve", how="page")
        with pytest.raises(AlreadyAnswered) as refused:
            approval_answer(step=asked, user=alice, decision="reject", how="api")
        assert refused.value.decision["who"]["name"] == "Bob"
        assert kinds(run, "ask").count("step_succeeded") == 1

    def test_after_its_time_nobody_decides(self, make_workflow: Make, bob: User) -> None:
        run = start(make_workflow(approval()))
        ring(run)
        with pytest.raises(NotWaiting, match="time to answer has passed"):
            approval_answer(step=step(run), user=bob, decision="approve", how="page")
        advance(run.id)
        with pytest.raises(NotWaiting, match="time to answer has passed"):
            approval_answer(step=step(run), user=bob, decision="approve", how="page")

    def test_a_cancelled_run_takes_no_answer(self, make_workflow: Make, bob: User) -> None:
        run = start(make_workflow(approval()))
        services.run_cancel(run=run)
        with pytest.raises(NotWaiting, match="cancelled"):
            approval_answer(step=step(run), user=bob, decision="approve", how="page")
        advance(run.id)
        assert states(run)["ask"] == "cancelled"
        assert kinds(run, "ask")[-1] == "step_cancelled"

    def test_an_answer_before_the_cancel_counts(self, make_workflow: Make, bob: User) -> None:
        run = start(make_workflow(approval()))
        approval_answer(step=step(run), user=bob, decision="approve", how="page")
        services.run_cancel(run=run)
        advance(run.id)
        assert states(run)["ask"] == "completed"
        assert "step_cancelled" not in kinds(run, "ask")

    def test_what_asks_for_nothing_takes_no_answer(self, make_workflow: Make, bob: User) -> None:
        document = graph(
            [node("n", "input.number", number=1), node("w", "flow.wait", seconds=60)], ("n", "number", "w", "value")
        )
        run = start(make_workflow(document))
        with pytest.raises(NotWaiting):
            approval_answer(step=step(run, "w"), user=bob, decision="approve", how="page")
        with pytest.raises(NotWaiting):
            callback_answer(step=step(run, "w"), body={})

    def test_a_list_is_decided_as_a_whole(self, make_workflow: Make, bob: User) -> None:
        document = graph(
            [node("call", "flow.callback"), node("ask", "flow.approval"), node("yes")],
            ("call", "body", "ask", "value"),
            ("ask", "approved", "yes", "value"),
        )
        run = start(make_workflow(document))
        callback_answer(step=step(run, "call"), body=["a", "b"])
        advance(run.id)
        approval_answer(step=step(run), user=bob, decision="approve", how="page")
        advance(run.id)
        assert step(run, "yes").outputs == {"value": ["a", "b"]}

    def test_a_role_taken_away_takes_the_decision_away(self, make_workflow: Make, bob: User, alice: User) -> None:
        run = start(make_workflow(approval()))
        Membership.objects.filter(user=bob).update(role=Role.VIEWER)
        with pytest.raises(NotApprover):
            approval_answer(step=step(run), user=bob, decision="approve", how="page")
        Membership.objects.filter(user=bob).delete()
        with pytest.raises(NotApprover):
            approval_answer(step=step(run), user=bob, decision="approve", how="api")
        assert step(run).state == "waiting"
        approval_answer(step=step(run), user=alice, decision="approve", how="page")

    @pytest.mark.parametrize(
        ("approvers", "may"),
        [
            ([], {"alice", "ada", "bob"}),
            (["admin"], {"alice", "ada"}),
            (["victor@example.org"], {"victor"}),
            (["owner", "bob@example.org"], {"alice", "bob"}),
            (["charlie@example.org"], set()),
        ],
    )
    def test_who_may(
        self, make_workflow: Make, alice: User, ada: User, bob: User, victor: User, charlie: User,
        approvers: list[str], may: set[str],
    ) -> None:  # fmt: skip
        run = start(make_workflow(approval(approvers=approvers)))
        for name, person in {"alice": alice, "ada": ada, "bob": bob, "victor": victor, "charlie": charlie}.items():
            with transaction.atomic():
                try:
                    approval_answer(step=step(run), user=person, decision="approve", how="page")
                    assert name in may
                except NotApprover:
                    assert name not in may
                transaction.set_rollback(True)

    def test_an_address_never_confirmed_names_nobody(self, make_workflow: Make, victor: User) -> None:
        run = start(make_workflow(approval(approvers=["boss@example.org"])))
        User.objects.filter(id=victor.id).update(email="boss@example.org")
        with pytest.raises(NotApprover):
            approval_answer(step=step(run), user=User.objects.get(id=victor.id), decision="approve", how="page")

    def test_callback_goes_on_with_its_body(self, make_workflow: Make) -> None:
        run = start(make_workflow(callback()))
        body = {"status": "ok", "n": [1, 2]}
        assert callback_answer(step=step(run, "call"), body=body)
        assert not callback_answer(step=step(run, "call"), body=body), "the same again changes nothing"
        with pytest.raises(AlreadyAnswered):
            callback_answer(step=step(run, "call"), body={**body, "n": [True, 2]})
        advance(run.id)
        assert step(run, "body").outputs == {"value": body}
        assert states(run)["timeout"] == "skipped"

    def test_a_retry_asks_nobody_twice(self, make_workflow: Make, bob: User) -> None:
        document = approval()
        document["nodes"][-1]["params"] = {"fail_times": 5}  # `decision`
        run = start(make_workflow(document))
        approval_answer(step=step(run), user=bob, decision="approve", how="page")
        advance(run.id)
        run.refresh_from_db()
        assert run.state == "failed"
        again = services.run_retry(run=run, actor_id=None)
        advance(again.id)
        assert step(again).state == "cached"
        assert given(again)["decision"]["who"]["name"] == "Bob"

    def test_a_dry_run_passes_pauses_and_asks_nobody(self, make_workflow: Make) -> None:
        document = graph(
            [
                node("words", "input.text", text="sea"),
                node("pause", "flow.wait", seconds=86_400),
                node("ask", "flow.approval", approvers=["a@b.org"]),
                node("call", "flow.callback"),
            ],
            ("words", "text", "pause", "value"),
            ("pause", "value", "ask", "value"),
            ("pause", "value", "call", "value"),
        )
        run = services.run_start(workflow=make_workflow(document), actor_id=None)
        Run.objects.filter(id=run.id).update(dry_run=True)
        advance(run.id)
        run.refresh_from_db()
        assert run.finished_at is not None
        assert states(run) == {"words": "completed", "pause": "completed", "ask": "skipped", "call": "skipped"}
        assert (step(run).error or {})["message"] == "It would ask a@b.org for approval."
        assert (step(run, "call").error or {})["message"] == "It would wait for a callback."


# --- Tokens ---------------------------------------------------------------------------------------------------------


def test_a_callback_token_names_its_place_and_no_other() -> None:
    place = Place(uuid4(), 3, 70_000, 2)
    token = callback_token(place)
    assert callback_place(token) == place
    assert len({callback_token(Place(place.run_id, 3, item, attempt)) for item in (0, 1) for attempt in (1, 2)}) == 4


@pytest.mark.parametrize("spoil", ["first", "last", "short", "long", "empty", "words", "padded", "unicode"])
def test_a_spoilt_token_names_nothing(spoil: str) -> None:
    token = callback_token(Place(uuid4(), 0, 0, 1))
    spoilt = {
        "first": ("B" if token[0] == "A" else "A") + token[1:],
        "last": token[:-1] + ("B" if token[-1] == "A" else "A"),
        "short": token[:-4],
        "long": token + "AAAA",
        "empty": "",
        "words": "nonsense",
        "padded": token + "=",
        "unicode": token[:-1] + "é",
    }[spoil]
    assert callback_place(spoilt) is None


# --- Waking ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("inside")
class TestWaking:
    def waiting(self, make_workflow: Make, seconds: float) -> Run:
        document = graph(
            [node("n", "input.number", number=1), node("w", "flow.wait", seconds=seconds)],
            ("n", "number", "w", "value"),
        )
        return start(make_workflow(document))

    def test_found_when_its_time_has_come(self, make_workflow: Make) -> None:
        run = self.waiting(make_workflow, 60)
        assert sweeps.runs_due() == []
        past = timezone.now() - timedelta(seconds=1)
        Run.objects.filter(id=run.id).update(wake_at=past, touched_at=past - timedelta(seconds=9))
        assert sweeps.runs_due() == [run.id]
        assert sweeps.runs_due() == [], "its message is under way"
        Run.objects.filter(id=run.id).update(touched_at=timezone.now() - timedelta(seconds=6))
        assert sweeps.runs_due() == [run.id], "its message was lost"

    def test_an_answer_whose_message_was_lost_is_found(self, make_workflow: Make, bob: User) -> None:
        run = start(make_workflow(approval()))
        approval_answer(step=step(run), user=bob, decision="approve", how="page")
        assert sweeps.runs_due() == [run.id]

    def test_found_when_the_driver_that_woke_it_died(self, make_workflow: Make) -> None:
        run = self.waiting(make_workflow, 3600)
        assert lease_take(run.id)
        assert sweeps.runs_due() == []
        Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert sweeps.runs_due() == [run.id]

    def test_a_short_pause_has_a_message_of_its_own(self, make_workflow: Make) -> None:
        for seconds, rings in ((0, True), (0.3, True), (30, False)):
            document = graph(
                [node("n", "input.number", number=1), node("w", "flow.wait", seconds=seconds)],
                ("n", "number", "w", "value"),
            )
            run = services.run_start(workflow=make_workflow(document), actor_id=None)
            found = advance(run.id)
            assert [type(one) for one in found] == ([Ring] if rings else [])
            assert not rings or (isinstance(found[0], Ring) and found[0].in_s <= max(0.02, seconds))

    def test_the_look_costs_what_is_due_not_what_sleeps(self, make_workflow: Make, workspace: Workspace) -> None:
        run = self.waiting(make_workflow, 3600)
        sleepers = [
            Run(
                workspace=workspace, graph_id=run.graph_id, state="waiting", wake_at=timezone.now() + timedelta(hours=n)
            )
            for n in range(1, 5001)
        ]
        Run.objects.bulk_create(sleepers)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE runs_run")
            known: dict[str, Any] = {"quiet": 20, "batch": sweeps.RUNS_BATCH, "resent": sweeps.RESENT_S}
            known["may_begin"] = [run.id]
            cursor.execute("EXPLAIN " + sweeps._RUNS_DUE, known)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on runs_run" not in plan, plan
