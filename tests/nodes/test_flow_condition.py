from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from apps.nodes.flow.cel import variables_read
from apps.nodes.flow.condition import check


@pytest.mark.parametrize(
    ("expression", "value", "branch"),
    [
        ("value > 3", 5, "true"),
        ("value > 3", 2.5, "false"),
        ("value.contains('sea')", "the sea", "true"),
        ("value.tags.exists(t, t == 'a')", {"tags": ["b", "a"]}, "true"),
        ("value == null", None, "true"),
        ("value == true", False, "false"),
    ],
)
def test_takes_one_branch(run_node: Callable[..., Any], expression: str, value: Any, branch: str) -> None:
    assert run_node("flow.condition", {"value": value}, expression=expression) == {branch: value}


@pytest.mark.parametrize(
    ("expression", "value", "sentence"),
    [
        ("1 / value > 1", 0, "The condition divides by zero."),
        ("5 % value > 1", 0, "The condition divides by zero."),
        ("value.b", {"a": 1}, 'The condition looks for "b" in an object that does not have it.'),
        ("variables.sea", 1, 'The condition looks for "sea" in an object that does not have it.'),
        ("value[3] == 1", [1], "The condition looks at place 3 of a list of 1; places count from 0."),
        ("value > 1", "x", "The condition works with values that do not go together: _>_(string, int64)."),
        ("value + 9223372036854775807 > 0", 1, "The condition counts with whole numbers beyond 64 bits."),
        ("value > 1", 2**70, "The condition counts with whole numbers beyond 64 bits."),
        ("int(value) > 1", "x", "The condition could not be decided: cannot convert string to int"),
        ("dyn(value + 1)", 1, "The condition must answer true or false, but it gave 2."),
        ("value", "ERROR: é", 'The condition must answer true or false, but it gave "ERROR: é".'),
        ("dyn(null)", 1, "The condition must answer true or false, but it gave null."),
        ("value", ["x" * 500], 'The condition must answer true or false, but it gave ["' + "x" * 98 + "…."),
    ],
)
def test_undecidable_is_one_sentence_of_what_happened(
    run_node: Callable[..., Any], expression: str, value: Any, sentence: str
) -> None:
    with pytest.raises(NodeFailure) as failure:
        run_node("flow.condition", {"value": value}, expression=expression)
    assert (str(failure.value), failure.value.code, failure.value.permanent) == (sentence, "bad-condition", True)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("colour == 'red'", "A condition knows `value` and `variables`, but no `colour`."),
        ("value.all(one, two > 1)", "A condition knows `value` and `variables`, but no `two`."),
        ("value.all(one, one > 1)", None),
        ("value >", "This is not a CEL expression: 1:8: Syntax error: mismatched input '<EOF>'"),
        ("  ", "Write a condition, such as value > 10."),
        ("value == 1 ? 'a' : 'b'", "The condition must answer true or false."),
    ],
)
def test_what_cannot_be_decided_is_said_before_a_run(expression: str, sentence: str | None) -> None:
    assert check({"expression": expression}) == ([("expression", sentence)] if sentence else [])


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("variables.sea > 1 && variables['lake'] < 2", ("sea", "lake")),
        ("has(variables.sea) && variables.sea > 1", ()),
        ("'sea' in variables ? variables.sea : variables.lake.deep", ("lake",)),
        ("[variables.sea].all(x, x.y > variables.lake)", ("sea", "lake")),
        ("value.all(variables, variables.x == 1) || variables.sea", ("sea",)),
        ("{'a': variables.sea}.a == value.variables.b", ("sea",)),
        ("variables.exists(name, variables[name] == value)", ()),
        ("variables[value] == 'variables.sea'", ()),
    ],
)
def test_it_knows_which_variables_it_reads(expression: str, names: tuple[str, ...]) -> None:
    assert variables_read(expression) == names
