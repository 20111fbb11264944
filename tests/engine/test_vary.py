"""Variants: what a setting asks for, what is wrong with it, and which variant goes on."""

from __future__ import annotations

from typing import Any

import pytest

from apps.engine.documents import document_parse
from apps.engine.execution import Execution
from apps.engine.node_types import NodeFailure
from apps.engine.plan import Plan, PlanStep, plan_build, step_params
from apps.engine.states import RunState, StepState
from apps.engine.validation import validate
from apps.engine.vary import variant_place, variants_of
from apps.nodes.registry import node_type_get

WORDS = {"id": "words", "type": "input.text", "params": {"text": "sea"}}


def document(after: str = "test.pass", **params: Any) -> dict[str, Any]:
    """A prompt, a picture of it, and what hangs on the picture."""
    nodes = [WORDS, {"id": "img", "type": "image.generate", "params": params}, {"id": "after", "type": after}]
    edges = [
        {"id": "a", "source": "words", "source_port": "text", "target": "img", "target_port": "prompt"},
        {"id": "b", "source": "img", "source_port": "image", "target": "after", "target_port": "value"},
    ]
    return document_parse({"nodes": nodes, "edges": edges})


def plan(**params: Any) -> Plan:
    made = document(**params)
    assert validate(made, node_type_get) == []
    return plan_build(made, node_type_get)


def varied(**params: Any) -> PlanStep:
    return next(step for step in plan(**params).steps if step.node == "img")


def problem(**params: Any) -> str:
    found = validate(document(**params), node_type_get)
    assert [(each.node, each.port, each.code) for each in found] == [("img", "$vary", "bad-param")]
    return found[0].message


def test_the_cross_product_goes_by_model_then_value_then_seed() -> None:
    vary = {"models": ["sandbox/image", "openai/gpt-image-2"], "sweep": {"width": [256, 512]}, "seeds": [4, 9]}
    found = variants_of({"$vary": vary, "seed": 1})
    assert len(found) == 8
    assert found[0] == {"model": "sandbox/image", "width": 256, "seed": 4}
    assert found[1] == {"model": "sandbox/image", "width": 256, "seed": 9}
    assert found[-1] == {"model": "openai/gpt-image-2", "width": 512, "seed": 9}


def test_so_many_seeds_begin_with_the_nodes_own() -> None:
    assert [each["seed"] for each in variants_of({"$vary": {"seeds": 3}, "seed": 41})] == [41, 42, 43]
    assert [each["seed"] for each in variants_of({"$vary": {"seeds": 2}})] == [1, 2]
    assert variants_of({"$vary": {"seeds": 3}, "$pin": {"image": None}}) == ()


def test_one_and_true_name_two_variants() -> None:
    found: list[dict[str, Any]] = [{"on": True}, {"on": 1}]
    assert variant_place(found, {"on": 1}) == 1
    assert variant_place(found, {"on": True}) == 0
    assert variant_place(found, {"on": 2}) is None
    assert variant_place(found, "on") is None


def test_what_another_model_does_not_take_is_left_out_and_what_is_swept_is_not() -> None:
    swept = varied(width=256, height=256, **{"$vary": {"sweep": {"width": [256, 512]}}})
    assert [step_params(swept, {}, item)["width"] for item in (0, 1)] == [256, 512]
    both = varied(width=256, height=256, **{"$vary": {"models": ["sandbox/image", "openai/gpt-image-2"]}})
    assert step_params(both, {}, 0)["width"] == 256
    assert "width" not in step_params(both, {}, 1)


def test_each_variant_has_its_price() -> None:
    one, four = (
        next(quote for step, quote in plan(width=256, height=256, **more).quote({}) if step.node == "img")
        for more in ({}, {"$vary": {"seeds": 4}})
    )
    assert four.high == 4 * one.high > 0
    assert four.low == 4 * one.low


@pytest.mark.parametrize(
    ("vary", "sentence"),
    [
        ({}, "Say what to compare: models, seeds, or values of a parameter."),
        ({"models": ["nobody/nothing"]}, "There is no model called nobody/nothing. Choose one from the list."),
        ({"models": ["sandbox/video"]}, "Sandbox video cannot do this: make an image from words."),
        ({"seeds": 65}, "These are 65 variants; at most 64 can be compared."),
        ({"seeds": 33, "sweep": {"width": [256, 512]}}, "These are 66 variants; at most 64 can be compared."),
        ({"sweep": {"width": [256, 9]}}, "width 9: Width must lie between 256 and 2,048."),
        ({"sweep": {"nonsense": [1]}}, "“nonsense” is not a parameter of Sandbox image."),
        ({"sweep": {"seed": [1]}}, "“seed” has a list of its own here. Take it out of the values."),
        ({"sweep": {}}, "Say at least one value of a parameter, and at most two parameters."),
        ({"sweep": {"width": []}}, "Each list to compare needs at least one entry."),
        ({"seeds": [1, 1]}, "Each entry of a list to compare may be there once."),
        ({"seeds": 0}, "Compare at least one seed."),
    ],
)
def test_what_is_wrong_is_one_sentence_at_the_node(vary: dict[str, Any], sentence: str) -> None:
    assert problem(**{"$vary": vary}) == sentence


def test_a_node_that_asks_no_model_has_nothing_to_compare() -> None:
    made = document_parse({"nodes": [{**WORDS, "params": {"text": "a", "$vary": {"seeds": 2}}}], "edges": []})
    (found,) = validate(made, node_type_get)
    assert found.message == "This node asks no model, so there is nothing to compare. Leave this out."


def begun(**params: Any) -> tuple[Execution, Any]:
    """An execution whose variants are next."""
    execution = Execution(plan(**params))
    words = execution.next_ready()
    assert words
    execution.start(words, execution.resolve(words))  # type: ignore[arg-type]
    execution.settle(words, 0, StepState.COMPLETED, {"text": "sea"})
    step = execution.next_ready()
    assert step
    work = execution.resolve(step)
    execution.start(step, work)  # type: ignore[arg-type]
    assert len(work.items) == 3  # type: ignore[union-attr]
    return execution, step


def test_nothing_goes_on_before_the_choice_and_then_one_does() -> None:
    execution, step = begun(**{"$vary": {"seeds": 3}})
    execution.settle(step, 0, StepState.FAILED, {"error": {"message": "no"}})
    execution.settle(step, 1, StepState.COMPLETED, {"image": "b"})
    assert execution.variants(step) is None
    execution.settle(step, 2, StepState.CACHED, {"image": "c"})
    assert execution.next_ready() is None
    assert execution.failed is None
    ended = execution.variants(step)
    assert ended
    assert list(ended[0]) == [StepState.FAILED, StepState.COMPLETED, StepState.CACHED]
    execution.settle(step, 3, StepState.COMPLETED, {"image": "b"})
    after = execution.next_ready()
    assert after
    assert execution.resolve(after).items == ({"value": "b"},)  # type: ignore[union-attr]
    assert execution.outputs_of(step) == {"image": "b"}


def test_a_choice_that_fails_fails_the_step_as_its_policy_says() -> None:
    execution, step = begun(**{"$vary": {"seeds": 3}})
    for item in range(3):
        execution.settle(step, item, StepState.FAILED, {"error": {"message": "no"}})
    execution.settle(step, 3, StepState.FAILED, {"error": {"message": "all"}})
    assert execution.failed == "img"
    assert execution.outcome(cancelled=False) is RunState.FAILED
    lenient, step = begun(**{"$vary": {"seeds": 3}, "$on_failure": "default", "$default": {"image": "d"}})
    for item in range(3):
        lenient.settle(step, item, StepState.FAILED, {"error": {"message": "no"}})
    ended = lenient.variants(step)
    assert ended
    assert set(ended[0]) == {StepState.FAILED}, "a variant that failed is no good one, whatever the policy"
    lenient.settle(step, 3, StepState.FAILED, {"error": {"message": "all"}})
    assert lenient.outputs_of(step) == {"image": "d"}


def test_a_list_is_not_compared() -> None:
    execution = Execution(plan(**{"$vary": {"seeds": 2}}))
    words = execution.next_ready()
    assert words
    execution.start(words, execution.resolve(words))  # type: ignore[arg-type]
    execution.settle(words, 0, StepState.COMPLETED, {"text": ["a", "b"]})
    step = execution.next_ready()
    assert step
    with pytest.raises(NodeFailure, match="A list cannot be compared"):
        execution.resolve(step)
