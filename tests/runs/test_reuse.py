"""What is reused, what runs again, and the reason given for either."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.common.memory import Memory
from apps.projects.models import Workflow
from apps.runs import reuse, services
from apps.runs.driver import advance
from apps.runs.entries import entries_evict
from apps.runs.fingerprints import content_of, differences, fingerprint
from apps.runs.models import CacheEntry, Run, Step
from apps.runs.reasons import reason_text
from apps.runs.services import Part
from tests.runs.graphs import chain, graph, node

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a process that has just started."""
    monkeypatch.setattr(reuse, "MEMORY", Memory(entries=1000, size=1_000_000))
    monkeypatch.setattr("apps.runs.acts.MEMORY", reuse.MEMORY)
    reuse.FINISHED.clear()


def run_of(workflow: Workflow, document: dict[str, Any] | None = None, **options: Any) -> Run:
    run = services.run_start(workflow=workflow, actor_id=None, document=document, **options)
    advance(run.id)
    run.refresh_from_db()
    return run


def told(run: Run) -> dict[str, tuple[str, str]]:
    rows = Step.objects.filter(run=run).order_by("position", "item")
    return {row.node: (row.state, reason_text(row.cache_reason)) for row in rows}


def states(run: Run) -> list[str]:
    return list(Step.objects.filter(run=run).order_by("position", "item").values_list("state", flat=True))


HIT = "Reused: nothing has changed"


def numbers(first: Any = 1, **params: Any) -> dict[str, Any]:
    """A number through three steps; the second has parameters."""
    nodes = [node("n", "input.number", number=first), node("a"), node("b", **params), node("c")]
    edges = [("n", "number", "a", "value"), ("a", "value", "b", "value"), ("b", "value", "c", "value")]
    return graph(nodes, *edges)


def test_unchanged_is_reused_by_another_process_after_a_restart(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    assert set(told(run_of(workflow)).values()) == {("completed", "First run of this node")}
    reuse.MEMORY.clear()
    reuse.FINISHED.clear()
    again = run_of(workflow)
    assert set(told(again).values()) == {("cached", HIT)}
    assert list(Step.objects.filter(run=again, node="c").values_list("outputs", flat=True)) == [{"value": 1}]


def test_a_change_runs_the_node_and_what_hangs_on_it(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    run_of(workflow)
    changed = run_of(workflow, numbers(sleep_ms=1))
    assert told(changed) == {
        "n": ("cached", HIT),
        "a": ("cached", HIT),
        "b": ("completed", "`sleep_ms` changed"),
        "c": ("cached", HIT),  # its input is the same as before
    }
    other = run_of(workflow, numbers(2, sleep_ms=1))
    assert told(other) == {
        "n": ("completed", "`number` changed"),
        "a": ("completed", "input `value` changed"),
        "b": ("completed", "input `value` changed"),
        "c": ("completed", "input `value` changed"),
    }


def test_new_node_code_is_a_reason(make_workflow: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = make_workflow(numbers())
    first = run_of(workflow)
    Step.objects.filter(run=first, node="a").update(version=7, cache_key=b"0" * 32)
    reuse.MEMORY.clear()
    reuse.FINISHED.clear()
    assert told(run_of(workflow))["a"] == ("completed", "node code 7 → 1")


def test_input_that_is_new_or_gone(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    run_of(workflow)
    loose = numbers()
    loose["edges"] = loose["edges"][:1] + loose["edges"][2:]
    assert told(run_of(workflow, loose))["b"] == ("completed", "input `value` was removed")
    assert told(run_of(workflow, numbers(5)))["b"] == ("completed", "input `value` is new")


def test_variables_that_an_expression_reads_count(make_workflow: Make) -> None:
    nodes = [node("t", "flow.template", template="a {{ variables.x }}"), node("f", "flow.template", template="fixed")]
    workflow = make_workflow(graph(nodes, variables={"x": "1", "y": "1"}))
    run_of(workflow)
    again = run_of(workflow, variables={"x": "2"})
    assert told(again) == {"t": ("completed", "`variables` changed"), "f": ("cached", HIT)}
    assert Step.objects.get(run=again, node="t").outputs == {"text": "a 2"}


def test_many_changes_are_cut_to_what_fits(make_workflow: Make) -> None:
    step = next(iter(_plan(make_workflow(chain(1))).steps))
    past = reuse.Past(UUID(int=1), timezone.now(), None, "", UUID(int=2), [])
    found = reuse.Reuse(past, {})
    earlier = reuse.Earlier(0, "test.pass", 1, "completed", 1, "x", {}, {}, None, 0.0)
    found.__dict__ |= {"_previous": {(step.node, 0): earlier}, "_previous_plan": ({}, {})}
    assert found._difference(step, 0, {"x" * 300: 1}, {}) == ""
    assert found._difference(step, 0, {"a" * 150: 1, "b" * 150: 2}, {}) == f"input new {'a' * 150}"


def test_what_was_made_after_this_run_had_been_started_is_called_so(make_workflow: Make) -> None:
    step = next(iter(_plan(make_workflow(chain(1))).steps))
    started = timezone.now()
    found = reuse.Reuse(reuse.Past(UUID(int=1), started, None, "", UUID(int=2), []), {})
    key = found.find(step, 0, {}, {}).key
    for state, reason in (("completed", "later"), ("failed", "unsuccessful")):
        made = started + timedelta(seconds=1)
        earlier = reuse.Earlier(0, "test.pass", 1, state, 1, key, {}, {"value": 1}, made, 0.0)
        found.__dict__["_previous"] = {(step.node, 0): earlier}
        assert found.find(step, 0, {}, {}) == (key, None, reason)


def test_always_new_is_never_reused(make_workflow: Make) -> None:
    document = numbers(**{"$always_new": True})
    workflow = make_workflow(document)
    run_of(workflow)
    assert told(run_of(workflow))["b"] == ("completed", "Always new")


def test_equal_nodes_of_one_graph_both_run(make_workflow: Make) -> None:
    run = run_of(make_workflow(chain(3)))
    assert states(run) == ["completed"] * 3


def test_what_was_made_after_a_run_began_does_not_count_for_it(make_workflow: Make) -> None:
    workflow = make_workflow(chain(1))
    early = services.run_start(workflow=workflow, actor_id=None)
    assert states(run_of(workflow)) == ["completed"]
    advance(early.id)
    assert states(early) == ["completed"]
    assert states(run_of(workflow)) == ["cached"]


def test_an_older_result_of_slow_work_is_found_again(make_workflow: Make) -> None:
    workflow = make_workflow(chain(1, sleep_ms=10))
    run_of(workflow)
    run_of(workflow, chain(1, sleep_ms=11))
    reuse.MEMORY.clear()
    reuse.FINISHED.clear()
    assert CacheEntry.objects.count() == 2
    CacheEntry.objects.update(used_at=timezone.now() - timedelta(days=1))
    assert states(run_of(workflow)) == ["cached"]
    assert CacheEntry.objects.filter(used_at__gt=timezone.now() - timedelta(hours=1)).count() == 1


@pytest.mark.parametrize("where", ["node", "workflow", "workspace"])
def test_cleared_is_not_reused(make_workflow: Make, where: str) -> None:
    workflow = make_workflow(numbers())
    run_of(workflow)
    place: dict[str, Any] = {"workflow": workflow} if where != "workspace" else {}
    services.cache_clear(workspace_id=workflow.workspace_id, node="b" if where == "node" else "", **place)
    after = told(run_of(workflow))
    assert after["b"] == ("completed", "Earlier results were forgotten")
    assert after["a"][0] == ("cached" if where == "node" else "completed")
    assert set(told(run_of(workflow)).values()) == {("cached", HIT)}


def test_other_workspaces_results_are_not_found(make_workflow: Make, foreign_workspace: Any) -> None:
    step = next(iter(_plan(make_workflow(chain(1))).steps))
    mine = fingerprint(UUID(int=1), step, {}, {})
    assert mine != fingerprint(UUID(int=2), step, {}, {})


def _plan(workflow: Workflow) -> Any:
    from apps.projects.services import workflow_document
    from apps.runs.plans import document_digest, plan_of

    document, _seq = workflow_document(workflow)
    return plan_of(document, document_digest(document), None)


def test_assets_enter_by_their_bytes() -> None:
    one = {"$asset": str(UUID(int=1)), "kind": "image", "sha256": "aa", "width": 3}
    assert content_of({"x": [one]}) == content_of({"x": [{**one, "$asset": str(UUID(int=2)), "width": None}]})
    assert content_of(one) != content_of({**one, "sha256": "bb"})
    # Written by hand, without the sum of its bytes: then it is the file of that id.
    bare = {"$asset": str(UUID(int=1)), "kind": "image"}
    assert content_of(bare) != content_of({**bare, "$asset": str(UUID(int=2))})


@pytest.mark.parametrize("value", [{"$asset": "none of ours"}, {"$asset": 5, "n": 1}, {"$asset": None}, {"$asset": []}])
def test_what_only_looks_like_a_file_is_plain_data(make_workflow: Make, value: dict[str, Any]) -> None:
    workflow = make_workflow(chain(1))
    for given, state in ((value, "completed"), (value, "cached"), ({**value, "n": 2}, "completed")):
        run = run_of(workflow, part=Part(inputs={"n0": {"value": given}}))
        assert list(Step.objects.filter(run=run).values_list("state", "outputs")) == [(state, {"value": given})]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("flow.template", {"template": "{{ @ }}"}),
        ("flow.condition", {"expression": "variables.who == 'Ada'"}),
    ],
)
def test_variables_that_a_step_reads_by_itself_are_part_of_its_work(
    make_workflow: Make, kind: str, params: dict[str, Any]
) -> None:
    port = "values" if kind == "flow.template" else "value"
    nodes = [node("text", "input.text", text="sea"), node("own", kind, **params)]
    workflow = make_workflow(graph(nodes, ("text", "text", "own", port), variables={"who": "Ada"}))
    run_of(workflow)
    other = run_of(workflow, variables={"who": "Bob"})
    assert told(other)["own"] == ("completed", "`variables` changed")
    shown = str(Step.objects.get(run=other, node="own").outputs)
    assert "Bob" in shown or "false" in shown
    assert told(run_of(workflow, variables={"who": "Bob"}))["own"] == ("cached", HIT)


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (1, True), (0, False), ([1], [1.0])])
def test_what_is_equal_in_python_alone_is_a_change_that_is_told(before: Any, after: Any) -> None:
    assert list(differences({"n": before}, {"n": after})) == [("n", "changed")]
    assert list(differences({"n": before}, {"n": before})) == []


def test_least_recently_used_entries_are_evicted(make_workflow: Make, settings: Any) -> None:
    workflow = make_workflow(chain(1))
    for ms in range(10, 15):
        run_of(workflow, chain(1, sleep_ms=ms))
    oldest = list(CacheEntry.objects.order_by("used_at").values_list("run", flat=True))
    settings.CACHE_MAX_ENTRIES = 3
    assert entries_evict() == 2
    assert set(CacheEntry.objects.values_list("run", flat=True)) == set(oldest[2:])
    settings.CACHE_MAX_BYTES = CacheEntry.objects.order_by("-used_at").first().size
    assert entries_evict() == 2
    assert list(CacheEntry.objects.values_list("run", flat=True)) == [oldest[-1]]


# Parts of a workflow


def test_run_from_here_keeps_what_comes_before(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    first = run_of(workflow)
    again = run_of(workflow, part=Part(from_node="b"))
    assert again.from_run_id == first.id
    kept = f"Kept from an earlier run where it succeeded ({first.id})"
    assert told(again) == {
        "n": ("cached", kept),
        "a": ("cached", kept),
        "b": ("completed", "Run again on request"),
        "c": ("cached", kept),
    }


def test_run_from_here_runs_what_changed_before(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    run_of(workflow)
    again = run_of(workflow, numbers(3), part=Part(from_node="c"))
    assert told(again)["n"] == ("completed", "`number` changed")
    assert told(again)["a"][0] == "completed"


def test_run_to_here(make_workflow: Make) -> None:
    run = run_of(make_workflow(numbers()), part=Part(targets=["a"]))
    assert set(told(run)) == {"n", "a"}


def test_one_step_with_edited_input(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    run_of(workflow)
    run = run_of(workflow, part=Part(targets=["b"], from_node="b", inputs={"b": {"value": "edited"}}))
    step = Step.objects.get(run=run, node="b")
    assert (step.state, step.inputs, step.outputs) == ("completed", {"value": "edited"}, {"value": "edited"})


def test_pinned_node_does_not_run(make_workflow: Make) -> None:
    document = numbers(fail_times=100, **{"$pin": {"value": "pinned"}})
    run = run_of(make_workflow(document))
    assert run.state == "completed"
    assert told(run)["b"] == ("cached", "Pinned output")
    assert Step.objects.get(run=run, node="c").outputs == {"value": "pinned"}


def test_unknown_places_are_refused(make_workflow: Make) -> None:
    workflow = make_workflow(numbers())
    with pytest.raises(services.NoEarlierRun):
        services.run_start(workflow=workflow, actor_id=None, part=Part(from_node="a"))
    for part in (Part(from_node="x"), Part(inputs={"x": {}}), Part(inputs={"a": {"x": 1}})):
        with pytest.raises(services.NoSuchNode):
            services.run_start(workflow=workflow, actor_id=None, part=part)
    with pytest.raises(services.NoSuchRun):
        services.run_start(workflow=workflow, actor_id=None, part=Part(from_run=UUID(int=1)))
    assert not Run.objects.exists()
