"""The engine's rules of flow, over small graphs and over random ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.documents import document_parse
from apps.engine.execution import Execution, Skip, Work
from apps.engine.node_types import NodeFailure, Port, is_variable
from apps.engine.plan import Plan, plan_build
from apps.engine.states import RunState, StepState
from apps.engine.types import PortType
from apps.engine.values import value_fit
from apps.nodes.registry import node_type_get


def plan(types: dict[str, str], *edges: tuple[str, str, str, str], targets: list[str] | None = None) -> Plan:
    rows = [
        {"id": f"e{i}", "source": s, "source_port": sp, "target": t, "target_port": tp}
        for i, (s, sp, t, tp) in enumerate(edges)
    ]
    nodes = [{"id": name, "type": kind} for name, kind in types.items()]
    return plan_build(document_parse({"nodes": nodes, "edges": rows}), node_type_get, targets)


def drive(execution: Execution, outputs: dict[str, dict[str, Any]]) -> dict[str, StepState]:
    """Run everything: each node emits what ``outputs`` says; a node not in it fails."""
    states: dict[str, StepState] = {}
    while (step := execution.next_ready()) is not None:
        work = execution.resolve(step)
        if isinstance(work, Skip):
            states[step.node] = StepState.SKIPPED
            execution.skip(step)
            continue
        execution.start(step, work)
        for item in range(len(work.items)):
            state = StepState.COMPLETED if step.node in outputs else StepState.FAILED
            states[step.node] = state
            execution.settle(step, item, state, outputs.get(step.node))
    return states


def test_branch_not_taken_is_skipped_with_its_downstream() -> None:
    execution = Execution(
        plan(
            {"c": "flow.condition", "src": "test.pass", "yes": "test.pass", "no": "test.pass", "after": "flow.wait"},
            ("src", "value", "c", "value"),
            ("c", "true", "yes", "value"),
            ("c", "false", "no", "value"),
            ("no", "value", "after", "value"),
        )
    )
    # test.pass takes its value optionally, but nothing it hangs on has brought one.
    states = drive(execution, {"src": {"value": 1}, "c": {"true": 1}, "yes": {"value": 1}, "no": {}})
    assert states["yes"] is StepState.COMPLETED
    assert states["no"] is states["after"] is StepState.SKIPPED
    assert execution.over
    assert execution.outcome(cancelled=False) is RunState.COMPLETED


def test_branches_meet_again_at_an_optional_input() -> None:
    execution = Execution(
        plan(
            {"src": "test.pass", "c": "flow.condition", "join": "video.generate"},
            ("src", "value", "c", "value"),
            ("src", "value", "join", "prompt"),
            ("c", "false", "join", "image"),
        )
    )
    states = drive(execution, {"src": {"value": "sea"}, "c": {"true": "sea"}, "join": {}})
    assert states["join"] is StepState.COMPLETED


def test_failure_stops_what_has_not_begun() -> None:
    execution = Execution(plan({"a": "test.pass", "b": "test.pass"}, ("a", "value", "b", "value")))
    assert drive(execution, {}) == {"a": StepState.FAILED, "b": StepState.SKIPPED}
    assert execution.outcome(cancelled=False) is RunState.FAILED
    assert execution.failed == "a"


def test_a_run_without_one_of_its_steps_is_not_completed() -> None:
    execution = Execution(plan({"a": "test.pass", "b": "test.pass", "c": "test.pass"}, ("a", "value", "b", "value")))
    while (step := execution.next_ready()) is not None:
        work = execution.resolve(step)
        if isinstance(work, Skip):
            execution.skip(step)
            continue
        execution.start(step, work)
        execution.settle(
            step, 0, *((StepState.CANCELLED,) if step.node == "a" else (StepState.COMPLETED, {"value": 1}))
        )
    assert execution.outcome(cancelled=False) is RunState.CANCELLED
    assert execution.failed is None


def test_list_maps_and_is_gathered_in_order() -> None:
    execution = Execution(
        plan(
            {"a": "test.pass", "t": "image.generate", "last": "flow.template"},
            ("a", "value", "t", "prompt"),
            ("t", "image", "last", "values"),
        )
    )
    step = execution.next_ready()
    assert step
    execution.start(step, Work(({},), False))
    execution.settle(step, 0, StepState.COMPLETED, {"value": ["sea", "sky", "sun"]})
    step = execution.next_ready()
    assert step
    work = execution.resolve(step)
    assert isinstance(work, Work)
    assert [item["prompt"] for item in work.items] == ["sea", "sky", "sun"]
    execution.start(step, work)
    for item in (2, 0, 1):
        execution.settle(step, item, StepState.COMPLETED, {"image": {"$asset": str(item), "kind": "image"}})
    step = execution.next_ready()
    assert step
    work = execution.resolve(step)
    assert isinstance(work, Work)
    assert [ref["$asset"] for ref in work.items[0]["values"][0]] == ["0", "1", "2"]


def test_lists_go_one_by_one_into_a_port_for_several() -> None:
    execution = Execution(
        plan(
            {"a": "test.pass", "b": "test.pass", "sheet": "image.grid"},
            ("a", "value", "sheet", "images"),
            ("b", "value", "sheet", "images"),
        )
    )
    images = [{"$asset": str(UUID(int=number)), "kind": "image"} for number in range(4)]
    # An item that was skipped left a gap.
    for value in (images[0], [*images[1:3], None, images[3]]):
        step = execution.next_ready()
        assert step
        execution.start(step, Work(({},), False))
        execution.settle(step, 0, StepState.COMPLETED, {"value": value})
    step = execution.next_ready()
    assert step
    work = execution.resolve(step)
    assert isinstance(work, Work)
    assert work == Work(({"images": images},), False), "in the order of the edges, once"


def test_wrong_value_at_run_time_is_a_sentence() -> None:
    execution = Execution(plan({"a": "input.asset", "b": "image.resize"}, ("a", "asset", "b", "image")))
    step = execution.next_ready()
    assert step
    execution.start(step, Work(({},), False))
    execution.settle(step, 0, StepState.COMPLETED, {"asset": {"$asset": str(UUID(int=1)), "kind": "video"}})
    step = execution.next_ready()
    assert step
    with pytest.raises(NodeFailure, match="Image takes an image, but got a video"):
        execution.resolve(step)


@pytest.mark.parametrize("name", ["x", 5, None, ["x"], f"{UUID(int=1)}\n"])
def test_what_names_no_file_is_none(name: Any) -> None:
    with pytest.raises(NodeFailure, match="takes a file, but got structured data"):
        value_fit({"$asset": name, "kind": "image"}, Port("file", PortType.ASSET, ""))


@pytest.mark.parametrize(
    ("edited", "values"), [(5, [5]), ("abc", ["abc"]), ({"k": 1}, [{"k": 1}]), (None, [None]), ([1, 2], [1, 2])]
)
def test_one_edited_value_where_several_may_come(edited: Any, values: list[Any]) -> None:
    execution = Execution(plan({"a": "flow.template"}), {"a": {"values": edited}})
    step = execution.next_ready()
    assert step
    assert execution.resolve(step) == Work(({"values": values},), False)


def test_defaults_and_odd_references_can_be_planned() -> None:
    assert [step.reads_variables for step in plan({"a": "flow.template", "b": "flow.condition"}).steps] == [False] * 2
    for odd in (["x"], {"$variable": "x"}, 5):
        assert not is_variable({"$variable": odd})


def test_targets_run_only_what_they_need() -> None:
    steps = plan(
        {"a": "test.pass", "b": "test.pass", "other": "test.pass"}, ("a", "value", "b", "value"), targets=["b"]
    ).steps
    assert [step.node for step in steps] == ["a", "b"]


@st.composite
def dags(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 12))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    return count, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []


@given(dags(), st.sets(st.integers(0, 11)))
def test_every_step_ends_once_and_after_its_upstream(dag: tuple[int, list[tuple[int, int]]], failing: set[int]) -> None:
    count, pairs = dag
    execution = Execution(
        plan(
            {f"n{i}": "flow.template" for i in range(count)},
            *((f"n{a}", "text", f"n{b}", "values") for a, b in pairs),
        )
    )
    states = drive(execution, {f"n{i}": {"text": "x"} for i in range(count) if i not in failing})
    assert execution.over
    assert len(states) == count
    order = list(states)
    assert all(order.index(f"n{a}") < order.index(f"n{b}") for a, b in pairs)
    failed = [name for name, state in states.items() if state is StepState.FAILED]
    assert execution.outcome(cancelled=False) is (RunState.FAILED if failed else RunState.COMPLETED)
    assert len(failed) <= 1, "the first failure stops the start of anything more"
