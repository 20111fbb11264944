"""Numbers, and all other values: what is in memory, what the journal gives back and what a fingerprint sees are one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.common.jsons import json_bytes, json_read, json_text
from apps.engine.node_types import NodeFailure
from apps.engine.operations import OperationError
from apps.engine.plain import outputs_plain, plain
from apps.engine.plan import plan_build
from apps.nodes.registry import node_type_get
from apps.projects.models import Workflow
from apps.runs import reuse, services
from apps.runs.driver import advance
from apps.runs.fingerprints import fingerprint
from apps.runs.models import Run, Step
from tests.runs.graphs import graph, node

Make = Callable[[dict[str, Any]], Workflow]
ODD = [
    1e300,
    -1e300,
    1e-320,
    5e-324,
    -0.0,
    0.0,
    0.1 + 0.2,
    1.0,
    1e15,
    1e16,
    -1e16,
    1.2345678901234567e18,
    9007199254740993,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**64 - 1,
    2**64,
    10**300,
    1.8446744073709552e19,
    -9.223372036854775808e18,
    1.7976931348623157e308,
]
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
numbers = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def through_the_database(value: Any) -> Any:
    """A value as a step's row keeps it and gives it back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s::jsonb -> 'v')::text", [json_text({"v": value})])
        return json_read(cursor.fetchone()[0])


def told(value: Any) -> str:
    """A value with its types, its signs and the order of its keys."""
    return repr(value)


def key_of(value: Any) -> str:
    step = plan_build(graph_of(value), node_type_get).steps[1]
    return fingerprint(UUID(int=1), step, {"value": value}, {})


def graph_of(value: Any) -> dict[str, Any]:
    params = {"name": "v", "type": "json", "default": value}
    document = graph([{"id": "a", "type": "flow.input", "params": params}, node("b")], ("a", "value", "b", "value"))
    nodes = [{"version": 1, "title": "", "position": {"x": 0, "y": 0}, **one} for one in document["nodes"]]
    return {"format": "millrace/1", "variables": {}, **document, "nodes": nodes}


class Agreement(TestCase):
    """Recorded == read back == fingerprinted, whatever JSON holds."""

    @settings(max_examples=300, deadline=None)
    @given(values)
    @example(ODD)
    @example({"b": 1, "aa": 2, "a": 3, "é": 4, "z" * 9: 5, "": 6})
    def test_memory_and_journal_agree(self, value: Any) -> None:
        kept = plain(value)
        again = through_the_database(kept)
        assert told(again) == told(kept)
        assert told(plain(again)) == told(kept)
        assert key_of(again) == key_of(kept)

    @settings(max_examples=200, deadline=None)
    @given(values)
    @example(ODD)
    def test_what_came_in_before_it_was_made_plain_is_the_same_once_it_is_read(self, value: Any) -> None:
        # Documents and variables are stored as they were sent, and read by another worker.
        assert told(plain(through_the_database(value))) == told(plain(value))

    @settings(max_examples=300, deadline=None)
    @given(numbers)
    def test_a_number_stays_the_number_it_was(self, number: float) -> None:
        kept = plain(number)
        assert float(kept) == float(number)
        if isinstance(number, int) and -(2**63) <= number < 2**64:
            assert kept == number


@pytest.mark.parametrize("value", ODD, ids=str)
@pytest.mark.usefixtures("inside")
def test_a_run_remembers_what_its_rows_say(make_workflow: Make, value: Any) -> None:
    run = services.run_start(workflow=make_workflow(graph_of([value])), actor_id=None)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    memory = reuse.FINISHED.get(run.id)
    assert memory
    rows = reuse.earlier_steps(run.id)
    for place, step in rows.items():
        assert told((memory[place].inputs, memory[place].outputs)) == told((step.inputs, step.outputs))
        assert memory[place].key == step.key
    assert key_of(rows["b", 0].inputs["value"]) == key_of(memory["b", 0].inputs["value"])


@pytest.mark.parametrize("value", ODD, ids=str)
@pytest.mark.usefixtures("inside")
def test_a_repeat_in_another_process_is_a_hit(make_workflow: Make, value: Any) -> None:
    workflow = make_workflow(graph_of([value]))
    for variables in ({"v": value}, {"v": value}):
        run = services.run_start(workflow=workflow, actor_id=None, variables=variables)
        # As a worker that knows nothing but the rows.
        reuse.FINISHED.clear()
        reuse.MEMORY.clear()
        advance(run.id)
    reasons = Step.objects.filter(run=run).values_list("state", "cache_reason")
    assert set(reasons) == {("cached", "hit")}
    assert Run.objects.filter(state="completed").count() == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, "\0", "\ud800", {"\0": 1}])
def test_what_no_journal_can_keep_is_refused_with_a_sentence(value: Any) -> None:
    for odd in (value, [value], {"deep": [value]}):
        with pytest.raises(OperationError):
            plain(odd)
    with pytest.raises(NodeFailure, match=r"^What it gives at value cannot be kept: ") as failure:
        outputs_plain({"value": [value]})
    assert (failure.value.code, failure.value.permanent) == ("bad-value", True)


def test_what_nests_too_deep_is_refused() -> None:
    deep: Any = json.loads("[" * 201 + "]" * 201)
    with pytest.raises(OperationError):
        plain(deep)
    assert plain(deep[0]) == deep[0]


def test_other_types_take_their_json_shape_or_are_a_mistake_of_the_node() -> None:
    class Name(str):
        pass

    assert told(plain({1: (Name("a"), True)})) == told({"1": ["a", True]})
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        plain(object())


def test_what_was_handed_on_is_not_walked_again() -> None:
    value = [1.5] * 3
    assert outputs_plain({"value": value}, {"value": value})["value"] is value
    assert json_bytes(outputs_plain({"value": value})) == b'{"value":[1.5,1.5,1.5]}'
