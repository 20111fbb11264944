"""What a person sees of a run: rows with every try, one step in full, its parts run again, what is kept for reuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import workflow_document, workflow_trash
from apps.projects.sharing import project_share
from apps.runs import fragments, plans
from apps.runs.console import console_context, run_view
from apps.runs.detail import settings_lines, step_of, value_view
from apps.runs.driver import advance
from apps.runs.fragments import batch_render
from apps.runs.models import CacheClearing, CacheEntry, Run, Step
from apps.runs.paths import longest_path
from apps.runs.services import Part, run_start
from apps.runs.timeline import ITEMS_SHOWN
from apps.workspaces.models import Membership, Role, Workspace
from tests.conftest import client_of
from tests.runs.graphs import chain, graph, image, node

Make = Callable[[dict[str, Any]], Workflow]
pytestmark = pytest.mark.usefixtures("inside")
RETRY = {"times": 3, "backoff_s": 0.1, "factor": 1}


def drive(workflow: Workflow, **kwargs: Any) -> Run:
    """A run that is driven here until nothing is left to do or to await."""
    run = run_start(workflow=workflow, actor_id=None, **kwargs)
    for _ in range(20):
        with scope(workflow.workspace_id):
            advance(run.id)
            run.refresh_from_db()
            if run.finished_at:
                return run
            Step.objects.filter(run_id=run.id, wake_at__isnull=False).update(wake_at=timezone.now())
    return run


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    answer = client.get(reverse(f"runs:{name}", args=["mill", *args]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def post(client: Client, name: str, *args: Any, **body: Any) -> Any:
    return client.post(reverse(f"runs:{name}", args=["mill", *args]), body, headers={"HX-Request": "true"})


def retried(make: Make) -> Run:
    nodes = [node("n", "input.number", number=1), node("a", fail_times=2, **{"$retry": RETRY})]
    return drive(make(graph(nodes, ("n", "number", "a", "value"))))


class TestRows:
    def test_each_try_is_a_bar_with_its_error_and_the_pause_between(self, make_workflow: Make) -> None:
        run = retried(make_workflow)
        row = next(row for row in console_context(run)["steps"] if row.node == "a")
        kinds = [bar.kind for bar in row.bars if bar.kind != "queue"]
        assert [kind for kind in kinds if kind != "pause"] == ["try", "try", "completed"]
        assert [bar.tip for bar in row.bars if bar.kind == "try"] == [
            "Attempt 1: Failed on request, attempt 1.",
            "Attempt 2: Failed on request, attempt 2.",
        ]
        assert row.attempt == 3

    def test_what_waits_for_its_next_try_says_what_went_wrong_and_when_it_goes_on(self, make_workflow: Make) -> None:
        nodes = [node("a", fail_times=1, **{"$retry": {"times": 1, "backoff_s": 600}})]
        run = run_start(workflow=make_workflow(graph(nodes)), actor_id=None)
        advance(run.id)
        row = console_context(Run.objects.get(id=run.id))["steps"][0]
        assert (row.state, row.error) == ("pending", "Failed on request, attempt 1.")
        assert row.again_at is not None
        assert [bar.kind for bar in row.bars if bar.kind != "queue"] == ["try", "pause"]

    def test_waiting_and_standing_ready_are_told_from_running(self, make_workflow: Make) -> None:
        nodes = [node("n", "input.number", number=1), node("w", "flow.wait", seconds=60), node("b", sleep_ms=1)]
        edges = [("n", "number", "w", "value"), ("w", "value", "b", "value")]
        run = drive(make_workflow(graph(nodes, *edges)))
        began = run.started_at
        assert began is not None
        Step.objects.filter(run_id=run.id, node="w").update(started_at=began, finished_at=began + timedelta(minutes=1))
        Step.objects.filter(run_id=run.id, node="b").update(
            started_at=began + timedelta(minutes=2), finished_at=began + timedelta(minutes=3)
        )
        rows = {row.node: row for row in console_context(run)["steps"]}
        assert [(bar.kind, bar.start, bar.length) for bar in rows["w"].bars if bar.kind == "waiting"] == [
            ("waiting", 0, 60_000)
        ]
        assert [(bar.kind, bar.start, bar.length) for bar in rows["b"].bars] == [
            ("queue", 60_000, 60_000),
            ("completed", 120_000, 60_000),
        ]

    def test_a_reused_step_is_a_mark_with_its_reason(self, make_workflow: Make) -> None:
        workflow = make_workflow(chain(2, sleep_ms=10))
        drive(workflow)
        run = drive(workflow)
        row = console_context(run)["steps"][0]
        assert [(bar.kind, bar.length) for bar in row.bars] == [("cached", 0)]
        assert row.bars[0].tip == row.note == "Reused: nothing has changed"
        assert run_view(run).counts.reused == 2

    def test_a_mapped_step_is_one_row_and_its_items_are_paged(self, make_workflow: Make, alice_client: Client) -> None:
        run = mapped(make_workflow, 120)
        row = next(row for row in console_context(run)["steps"] if row.node == "t")
        assert (row.items, row.spread) == (120, "120 items: 120 done")
        assert len(json.loads(row.outputs)["text"]) == ITEMS_SHOWN
        text = page(alice_client, "step_items", run.id, "t")
        assert text.count("<li id=") == ITEMS_SHOWN
        assert "0–49 of 120" in text
        assert page(alice_client, "step_items", run.id, "t", page=2).count("<li id=") == 20
        assert page(alice_client, "step_items", run.id, "t", page="nonsense").count("<li id=") == ITEMS_SHOWN
        assert page(alice_client, "step_items", run.id, "t", page="9" * 5000).count("<li id=") == ITEMS_SHOWN
        assert page(alice_client, "step_items", run.id, "t", page=99).count("<li id=") == 20

    def test_items_that_wait_for_approvals_lead_to_them(self, make_workflow: Make, alice_client: Client) -> None:
        run = mapped(make_workflow, 4)
        items = Step.objects.filter(run_id=run.id, node="t")
        items.filter(item__gt=0).update(state="waiting", request={"kind": "approval"}, outputs={})
        row = next(one for one in console_context(run)["steps"] if one.node == "t")
        assert (row.state, row.waits, row.asks, row.asked) == ("waiting", "approval", 3, 1)
        text = page(alice_client, "run_console", run.id)
        assert "3 approvals are waiting" in text and f"/approvals/?run={run.id}" in text
        assert 'item="1" asks="3"' in text
        items.filter(item__gt=1).update(state="completed", request=None)
        text = page(alice_client, "run_console", run.id)
        assert f"/approvals/{run.id}/t/1/" in text and "?run=" not in text

    def test_the_length_of_a_run_hangs_on_its_longest_path(self, make_workflow: Make) -> None:
        nodes = [node("a"), node("slow", sleep_ms=30), node("quick"), node("z", "flow.template", template="x")]
        edges = [("a", "value", "slow", "value"), ("a", "value", "quick", "value"), ("slow", "value", "z", "values")]
        run = drive(make_workflow(graph(nodes, *edges)))
        nodes_of = [row.node for row in console_context(run)["steps"]]
        assert [nodes_of[position] for position in longest_path(run)] == ["a", "slow", "z"]
        assert longest_path(drive(make_workflow(chain(3)))) == []


def mapped(make: Make, count: int) -> Run:
    """A run with a step that has ``count`` items."""
    run = drive(make(graph([node("j"), node("t")], ("j", "value", "t", "value"))))
    first = Step.objects.get(run_id=run.id, node="t")
    for item in range(1, count):
        first.pk = (run.id, first.position, item)
        first.save(force_insert=True)
    Step.objects.filter(run_id=run.id, node="t").update(outputs={"text": "x"})
    return run


class TestHead:
    def test_it_counts_what_became_of_the_steps(self, make_workflow: Make) -> None:
        nodes = [node("a", fail_times=9), node("b")]
        run = drive(make_workflow(graph(nodes, ("a", "value", "b", "value"))))
        counts = run_view(run).counts
        assert (counts.failed, counts.skipped, counts.retried) == (1, 1, 0)

    def test_a_dry_run_says_that_nothing_was_sent(
        self, make_workflow: Make, alice_client: Client, workspace: Workspace
    ) -> None:
        run = drive(make_workflow(image()), dry_run=True)
        text = page(alice_client, "run_detail", run.id)
        assert "Dry run: nothing was sent or charged." in text
        assert "It would ask sandbox/image" in text
        assert run_view(run).counts.would == 1

    def test_of_a_workflow_in_the_trash_it_asks_for_nothing_that_is_gone(
        self, make_workflow: Make, alice_client: Client
    ) -> None:
        workflow = make_workflow(chain(1))
        run = drive(workflow)
        comments = reverse("projects:comment_list", args=["mill", workflow.id])
        assert comments in page(alice_client, "run_detail", run.id)
        workflow_trash(workflow=workflow)
        assert comments not in page(alice_client, "run_detail", run.id)

    def test_spent_of_max_and_where_it_comes_from(self, make_workflow: Make, alice_client: Client) -> None:
        workflow = make_workflow(chain(2))
        first = drive(workflow)
        part = Part(None, first.id, "n1")
        run = drive(workflow, part=part, max_credits=10_000_000)
        text = page(alice_client, "run_detail", run.id)
        assert "0 of at most 10 credits" in text
        assert "rerun from Pass" in text
        assert reverse("runs:run_detail", args=["mill", first.id]) in text


class TestDetail:
    def test_it_shows_every_try_the_settings_and_what_went_in_and_out(
        self, make_workflow: Make, alice_client: Client
    ) -> None:
        run = retried(make_workflow)
        text = page(alice_client, "step_detail", run.id, "a", 0)
        for number in (1, 2):
            assert f"Failed on request, attempt {number}." in text
        assert "Up to 3 retries, 100 ms apart" in text
        assert "Output" in text and "Input" in text
        assert "Run again from here" in text

    def test_a_step_that_has_not_begun_has_a_panel_too(self, make_workflow: Make, alice_client: Client) -> None:
        run = run_start(workflow=make_workflow(chain(1)), actor_id=None)
        assert "Not started yet" in page(alice_client, "step_detail", run.id, "n0", 0)

    @pytest.mark.parametrize(("name", "item"), [("nobody", 0), ("n0", 7)])
    def test_what_is_not_there_is_not_found(
        self, make_workflow: Make, alice_client: Client, name: str, item: int
    ) -> None:
        run = drive(make_workflow(chain(1)))
        answer = alice_client.get(reverse("runs:step_detail", args=["mill", run.id, name, item]))
        assert answer.status_code == 404

    def test_whoever_looks_on_is_offered_nothing(self, make_workflow: Make, victor_client: Client) -> None:
        run = drive(make_workflow(chain(1)))
        assert "Run again from here" not in page(victor_client, "step_detail", run.id, "n0", 0)

    def test_guests_see_a_run_of_theirs_in_a_process_that_has_just_started(
        self, make_workflow: Make, workspace: Workspace, gwen: User
    ) -> None:
        run = drive(make_workflow(chain(1)))
        assert run.workflow
        assert run.workflow.project
        membership = Membership.objects.get(workspace=workspace, user=gwen)
        project_share(project=run.workflow.project, membership=membership, role=Role.GUEST)
        plans._digests.clear()
        plans._plans.clear()
        guest = client_of(gwen)
        assert "run-console" in page(guest, "run_detail", run.id)
        assert "run-console" in page(guest, "drawer", run.workflow_id)
        assert page(guest, "step_detail", run.id, "n0", 0)

    def test_settings_are_said_in_words(self, make_workflow: Make) -> None:
        params = {"$retry": {"times": 3}, "$timeout_s": 30, "$on_failure": "branch", "$always_new": True}
        run = run_start(workflow=make_workflow(graph([node("a", **params)])), actor_id=None)
        step = step_of(run, "a")
        assert step is not None
        assert settings_lines(step) == [
            "Up to 3 retries, the first after 2 s, then twice as long each time",
            "Stops after 30 s",
            "If it fails: continues from the error output",
            "Always runs: results are never reused",
        ]

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            ("words", "text"),
            (7, "json"),
            ([1, 2], "json"),
            ([{"a": 1}, {"a": 2, "b": 3}], "table"),
            ([{"a": [1]}, {"a": [2]}], "json"),
            ({"$asset": str(UUID(int=1)), "kind": "image"}, "files"),
            ([{"$asset": str(UUID(int=1)), "kind": "image"}] * 30, "files"),
            (None, "json"),
        ],
    )
    def test_values_are_shown_as_what_they_are(self, value: Any, kind: str) -> None:
        assert value_view("p", "P", value).kind == kind

    def test_long_content_is_cut_and_folded(self) -> None:
        view = value_view("p", "P", "x" * 50_000)
        assert (len(view.text), view.more, view.folded) == (20_000, 30_000, True)

    def test_markup_in_a_value_stays_text(self, make_workflow: Make, alice_client: Client) -> None:
        run = drive(make_workflow(graph([node("t", "input.text", text="<script>alert(1)</script>")])))
        text = page(alice_client, "step_detail", run.id, "t", 0)
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


class TestAgain:
    def test_from_here_takes_what_came_before_from_this_run(self, make_workflow: Make, bob_client: Client) -> None:
        run = drive(make_workflow(chain(3)))
        answer = post(bob_client, "step_again", run.id, "n1", 0)
        assert answer.status_code == 200
        new = Run.objects.exclude(id=run.id).get()
        assert (new.from_run_id, new.from_node, new.graph_id) == (run.id, "n1", run.graph_id)
        assert str(new.id) in answer["HX-Trigger"]

    def test_one_step_with_edited_input(self, make_workflow: Make, bob_client: Client) -> None:
        nodes = [node("n", "input.text", text="sea"), node("a"), node("b")]
        run = drive(make_workflow(graph(nodes, ("n", "text", "a", "value"), ("a", "value", "b", "value"))))
        assert "sea" in page(bob_client, "step_alone", run.id, "a", 0)
        assert post(bob_client, "step_alone", run.id, "a", 0, **{"input-value": "lake"}).status_code == 200
        new = Run.objects.exclude(id=run.id).get()
        assert (new.targets, new.overrides) == (["a"], {"a": {"value": "lake"}})

    def test_what_is_done_again_keeps_the_limits_of_its_run(self, make_workflow: Make, bob_client: Client) -> None:
        """A step of a dry run, done again, would otherwise really act outside."""
        nodes = [node("n", "input.text", text="sea"), node("a")]
        workflow = make_workflow(graph(nodes, ("n", "text", "a", "value")))
        run = drive(workflow, variables={"v": 1}, max_credits=5, dry_run=True)
        post(bob_client, "run_again", run.id)
        post(bob_client, "step_again", run.id, "a", 0)
        post(bob_client, "step_alone", run.id, "a", 0, **{"input-value": "lake"})
        new = Run.objects.exclude(id=run.id)
        assert new.count() == 3
        assert {(one.dry_run, one.max_credits, one.variables["v"], one.graph_id) for one in new} == {
            (True, 5, 1, run.graph_id)
        }

    def test_an_input_that_is_no_json_is_said_beside_the_form(self, make_workflow: Make, bob_client: Client) -> None:
        nodes = [node("n", "input.number", number=1), node("a")]
        run = drive(make_workflow(graph(nodes, ("n", "number", "a", "value"))))
        answer = post(bob_client, "step_alone", run.id, "a", 0, **{"input-value": "{oops"})
        assert answer.status_code == 422
        assert "is not valid JSON" in answer.content.decode()
        assert "{oops" in answer.content.decode()
        assert Run.objects.count() == 1

    def test_pin_and_unpin_go_to_the_canvas(self, make_workflow: Make, bob_client: Client) -> None:
        workflow = make_workflow(graph([node("t", "input.text", text="sea")]))
        run = drive(workflow)
        post(bob_client, "step_pin", run.id, "t", 0)
        assert pin_of(workflow) == {"text": "sea"}
        post(bob_client, "step_pin", run.id, "t", 0, unpin="1")
        assert pin_of(workflow) is None

    def test_a_mapped_step_is_pinned_as_a_whole(self, make_workflow: Make, bob_client: Client) -> None:
        nodes = [
            node("each", "flow.split", separator=","),
            node("words", "input.text", text="a,b\nc"),
            node("lines", "flow.split"),
            node("all", "flow.template", template="{{ values }}"),
        ]
        edges = [
            ("words", "text", "lines", "text"),
            ("lines", "texts", "each", "text"),
            ("each", "texts", "all", "values"),
        ]
        workflow = make_workflow(graph(nodes, *edges))
        run = drive(workflow)
        said = [page(bob_client, "step_detail", run.id, *place) for place in (("each", 0), ("each", 1), ("lines", 0))]
        assert ["Pin all its items" in text for text in said] == [True, True, False]
        assert post(bob_client, "step_pin", run.id, "each", 1).status_code == 200
        assert pin_of(workflow) == {"texts": [["a", "b"], ["c"]]}
        before, after = (Step.objects.get(run=one, node="all").outputs for one in (run, drive(workflow)))
        assert before == after

    def test_what_is_too_large_for_the_graph_cannot_be_pinned(self, make_workflow: Make, bob_client: Client) -> None:
        run = drive(make_workflow(graph([node("t", "input.text", text="sea")])))
        Step.objects.filter(run=run).update(outputs={"text": "x" * 5_300_000})
        answer = post(bob_client, "step_pin", run.id, "t", 0)
        assert answer.status_code == 422
        assert "too large" in answer.content.decode()

    def test_a_step_without_output_cannot_be_pinned(self, make_workflow: Make, bob_client: Client) -> None:
        run = drive(make_workflow(graph([node("a", fail_times=9)])))
        assert post(bob_client, "step_pin", run.id, "a", 0).status_code == 422

    def test_forgetting_makes_the_next_run_do_it_anew(self, make_workflow: Make, bob_client: Client) -> None:
        workflow = make_workflow(chain(1))
        run = drive(workflow)
        assert post(bob_client, "step_forget", run.id, "n0", 0).status_code == 200
        again = console_context(drive(workflow))["steps"][0]
        assert (again.state, again.note) == ("completed", "Earlier results were forgotten")

    def test_nothing_is_run_of_a_workflow_in_the_trash(self, make_workflow: Make, bob_client: Client) -> None:
        workflow = make_workflow(chain(1))
        run = drive(workflow)
        Workflow.objects.filter(id=workflow.id).update(trashed_at=timezone.now())
        for name in ("step_again", "step_alone", "step_pin", "step_forget"):
            answer = post(bob_client, name, run.id, "n0", 0)
            assert answer.status_code == 422
            assert "Restore it first." in answer.content.decode()
        assert post(bob_client, "run_again", run.id).status_code == 422
        assert Run.objects.count() == 1

    def test_run_again_reuses(self, make_workflow: Make, bob_client: Client) -> None:
        run = drive(make_workflow(chain(1)))
        assert post(bob_client, "run_again", run.id).status_code == 200
        assert Run.objects.exclude(id=run.id).get().graph_id == run.graph_id


def pin_of(workflow: Workflow) -> Any:
    workflow = Workflow.objects.get(id=workflow.id)
    return workflow_document(workflow)[0]["nodes"][0]["params"].get("$pin")


class TestReusePage:
    def test_it_says_how_much_is_kept_and_forgets_it(
        self, make_workflow: Make, ada_client: Client, bob_client: Client, workspace: Workspace
    ) -> None:
        workflow = make_workflow(chain(2, sleep_ms=10))
        drive(workflow)
        assert CacheEntry.objects.for_workspace(workspace.id).exists()
        text = page(bob_client, "reuse")
        assert "Flow" in text
        assert "Forget all results" not in text
        assert post(bob_client, "reuse_forget").status_code == 403
        assert post(ada_client, "reuse_forget").status_code == 302
        assert not CacheEntry.objects.for_workspace(workspace.id).exists()
        assert "No stored results yet" in page(ada_client, "reuse")

    def test_one_workflow_is_forgotten(self, make_workflow: Make, bob_client: Client, victor_client: Client) -> None:
        workflow = make_workflow(chain(1, sleep_ms=10))
        drive(workflow)
        assert post(victor_client, "workflow_forget", workflow.id).status_code == 403
        assert post(bob_client, "workflow_forget", workflow.id).status_code == 302
        assert CacheClearing.objects.filter(workflow=workflow).exists()
        assert post(bob_client, "workflow_forget", UUID(int=0)).status_code == 404


class TestList:
    def test_it_is_filtered_by_state_and_workflow(self, make_workflow: Make, alice_client: Client) -> None:
        one, other = make_workflow(chain(1)), make_workflow(graph([node("a", fail_times=9)]))
        first, second = drive(one), drive(other)
        assert str(first.id) in page(alice_client, "run_list", workflow=one.id)
        assert str(second.id) not in page(alice_client, "run_list", workflow=one.id)
        assert str(first.id) not in page(alice_client, "run_list", state="failed")
        assert "No matching runs" in page(alice_client, "run_list", state="waiting")
        assert alice_client.get(reverse("runs:run_list", args=["mill"]), {"workflow": "x"}).status_code == 404


class TestBounds:
    def queries(self, look: Callable[[], Any]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            look()
        return len(captured)

    def bounded(self, run: Run, client: Client) -> None:
        assert self.queries(lambda: page(client, "run_detail", run.id)) <= 24
        assert self.queries(lambda: batch_render(run.id, run.workspace_id, 0, "en")) <= 10

    def test_a_long_run_costs_as_many_queries_as_a_short_one(self, make_workflow: Make, alice_client: Client) -> None:
        short, long = drive(make_workflow(chain(2))), drive(make_workflow(chain(1000)))
        retries = retried(make_workflow)
        for run in (short, long, retries):
            self.bounded(run, alice_client)
        assert self.queries(lambda: page(alice_client, "step_detail", long.id, "n700", 0)) <= 14
        assert self.queries(lambda: page(alice_client, "step_list", long.id, first=500)) <= 12
        assert "more" not in page(alice_client, "step_list", long.id, first=500)

    def test_the_end_is_told_with_the_last_batch_only(
        self, make_workflow: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader who comes back far behind stops at the end mark, and must have everything by then."""
        monkeypatch.setattr(fragments, "BATCH", 7)
        run, after, told, done = drive(make_workflow(chain(10))), 0, [], set()
        while True:
            batch = batch_render(run.id, run.workspace_id, after, "en")
            assert batch is not None
            after = batch.seq
            told.append('state="completed" cost' in batch.html)
            done |= set(re.findall(r'<node-status node="(\w+)" state="completed"', batch.html))
            if batch.ended:
                break
        assert told == [False] * (len(told) - 1) + [True]
        assert len(told) == 4
        assert len(done) == 10

    def test_a_long_run_stays_small_on_the_socket(self, make_workflow: Make) -> None:
        run = drive(make_workflow(chain(1000)))
        batch = batch_render(run.id, run.workspace_id, 0, "en")
        assert batch is not None
        assert len(batch.html.encode()) < 500_000
        assert batch.html.count("<node-status ") == 1000
        assert batch.html.count("<li id=") == 500
