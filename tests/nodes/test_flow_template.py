from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from apps.nodes.flow.template import check
from apps.nodes.registry import node_type_get


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{{ value }}", ["sea"], "sea"),
        ("{{values[1]}} over {{ values[0] }}", ["sea", "sun"], "sun over sea"),
        ("{{ value.name }}!", [{"name": "Ada"}], "Ada!"),
        ("{{ value }} and {{ value }}", [2], "2 and 2"),
        ("plain", [], "plain"),
        ("{{ values }}", [[1, "é"]], '[[1, "é"]]'),
        ("{% for x in y %}{{ value }}", ["no code"], "{% for x in y %}no code"),
        ("{{ value }}", ["{{ values[0] }}"], "{{ values[0] }}"),
    ],
)
def test_fills_placeholders(run_node: Callable[..., Any], template: str, values: list[Any], text: str) -> None:
    assert run_node("flow.template", {"values": values}, template=template) == {"text": text}


def test_missing_value_is_a_sentence(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="has no value"):
        run_node("flow.template", {"values": []}, template="{{ value }}")


def test_python_is_out_of_reach(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="has no value"):
        run_node("flow.template", {"values": ["x"]}, template="{{ value.__class__ }}")


def test_endless_growth_is_refused(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="longer than"):
        run_node("flow.template", {"values": ["x" * 300_000]}, template="{{ value }}" * 4)


@pytest.mark.parametrize("deep", ["[" * 3000, "(" * 3000 + "value" + ")" * 3000, "!" * 5000 + "value"])
def test_brackets_without_end_are_a_mistake_of_the_template(deep: str) -> None:
    node_type = node_type_get("flow.template")
    assert node_type
    ((name, message),) = node_type.params_problems({"template": f"{{{{ {deep} }}}}"})
    assert name == "template" and "is not a placeholder" in message


def test_a_name_that_is_none_of_the_three_is_a_mistake_of_the_template() -> None:
    told = "A template knows `value`, `values` and `variables`, but no `who`."
    assert check({"template": "{{ value.x }} {{ who.name[0] }}"}) == [("template", told)]
    assert check({"template": "{{ who || value }} {{ length(values) }} {{ `1` }}"}) == []


def test_a_path_without_end_fails_with_a_sentence(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match=r"could not be filled|has no value"):
        run_node("flow.template", {"values": ["x"]}, template="{{ value" + ".a" * 5000 + " }}")


@pytest.mark.parametrize(
    "growing", ["value" + " | [@, @][]" * 60, "value" + " | join('', [@, @])" * 60, "value" + " | [@, @]" * 60]
)
def test_a_short_expression_cannot_fill_the_memory(run_node: Callable[..., Any], growing: str) -> None:
    with pytest.raises(NodeFailure, match="longer than"):
        run_node("flow.template", {"values": ["sea"]}, template=f"{{{{ {growing} }}}}")


@pytest.mark.parametrize("literal", ["u0000", "ud800"])
def test_what_cannot_be_kept_is_not_given_out(run_node: Callable[..., Any], literal: str) -> None:
    with pytest.raises(NodeFailure, match="must be Unicode"):
        run_node("flow.template", {"values": ["x"]}, template='{{ `"\\' + literal + '"` }}')
