"""What the catalogue promises the forms, the estimates and the vendor."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers import catalogue
from apps.providers.entries import SHARED
from apps.sandbox.art import style_names, styles
from apps.sandbox.orders import OFFERS, OrderRefused, order_read


@pytest.mark.parametrize(
    ("model", "params", "price"),
    [
        ("sandbox/image", {}, 4),
        ("sandbox/image", {"width": 1024, "height": 1032}, 8),
        ("sandbox/image", {"width": 2048, "height": 2048}, 16),
        ("sandbox/image", {"width": 256, "height": 256}, 4),
        ("sandbox/video", {}, 20),
        ("sandbox/video", {"seconds": 2.5}, 12.5),
        ("sandbox/video", {"seconds": None}, 20),
        ("sandbox/text", {}, 1),
        ("sandbox/speech", {}, 2),
    ],
)
def test_quote_is_exact(model: str, params: dict[str, Any], price: float) -> None:
    assert catalogue.quote(model, params, {}) == (price * 1_000_000, price * 1_000_000)


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        ("sandbox/image", {"width": 100}, "Width must lie between 256 and 2,048."),
        ("sandbox/image", {"width": 1001}, "Width must be a multiple of 8."),
        ("sandbox/image", {"width": "wide"}, "Width must be a whole number."),
        ("sandbox/image", {"width": True}, "Width must be a whole number."),
        ("sandbox/image", {"style": "cubism"}, "Style must be one of: auto, "),
        ("sandbox/image", {"colour": "red"}, "“colour” is not a parameter of Sandbox image."),
        ("sandbox/image", {"prompt": "  "}, "Prompt is empty. Fill it in."),
        ("sandbox/image", {"prompt": "x" * 4001}, "Prompt is too long: at most 4,000 characters."),
        ("sandbox/video", {"seconds": 11}, "Length must lie between 1 and 10."),
        ("sandbox/video", {"seconds": 1.3}, "Length must be a multiple of 0.5."),
        ("sandbox/image", {"seed": -1}, "Seed must lie between 0 and 2,147,483,647."),
        ("sandbox/image", {"fail": "explode"}, "Misbehave must be one of: "),
    ],
)
def test_wrong_parameter_gets_one_sentence(model: str, params: dict[str, Any], message: str) -> None:
    problems = catalogue.params_problems(model, params)
    assert [problem.param for problem in problems] == list(params)
    assert problems[0].message.startswith(message)


def test_prompt_is_asked_for_only_when_complete() -> None:
    assert catalogue.params_problems("sandbox/image", {"seed": None}) == []
    assert catalogue.params_problems("sandbox/image", {}, complete=True) == [("prompt", "Prompt is empty. Fill it in.")]
    assert catalogue.params_problems("sandbox/image", {"prompt": "a hill"}, complete=True) == []


def test_unknown_model() -> None:
    with pytest.raises(catalogue.UnknownModel):
        catalogue.quote("sandbox/hologram", {}, {})
    with pytest.raises(KeyError):
        catalogue.params_problems("other/image", {})


@pytest.mark.parametrize("model", catalogue.MODELS.values(), ids=lambda model: model.id)
def test_forms_have_what_a_good_form_needs(model: catalogue.Model) -> None:
    jsonschema_rs.meta.validate(dict(model.params))
    for name, schema in model.params["properties"].items():
        assert schema["title"] and schema["description"], name
        assert "default" in schema or name == "seed"
        assert name not in {"model", "once", "from"}, "the form around it has a field of this name"
        assert len(schema.get("enum", [])) == len(schema.get("x-enum-titles", []))
        assert bool(schema.get("x-advanced")) == (name in {"latency_s", "fail"})
    assert model.to_json()["price"]["formula"]


def test_vendor_and_catalogue_offer_the_same() -> None:
    assert tuple(SHARED["sandbox_style"]["enum"]) == style_names.STYLES == ("auto", *styles.COMPOSITIONS)
    assert set(OFFERS) == {name for name in catalogue.MODELS if name.startswith("sandbox/")}
    for name, (params, inputs) in OFFERS.items():
        model = catalogue.MODELS[name]
        texts = {key for key, schema in model.inputs.items() if schema.get("type") == "string"}
        assert set(params.model_fields) == set(model.params["properties"]) | texts
        assert set(inputs.model_fields) == set(model.inputs) - texts
        for key, schema in model.params["properties"].items():
            if key != "seed":
                assert params.model_fields[key].default == schema["default"], key


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 5000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["auto", "sea", "error", "lost", "alto", "bass", ""]),
    st.sampled_from([256, 432, 512, 1.5, 4.0, 10]),
)


def _files(model: str) -> dict[str, Any]:
    """What a model cannot do without."""
    file = {"url": "http://127.0.0.1/file"}
    takes = {name: schema for name, schema in catalogue.MODELS[model].inputs.items() if "x-asset" in schema}
    return {
        name: [file] if schema.get("x-many") else file for name, schema in takes.items() if schema.get("x-required")
    }


@given(model=st.sampled_from(sorted(OFFERS)), values=st.lists(VALUES, min_size=9, max_size=9))
def test_what_the_catalogue_accepts_the_vendor_accepts(model: str, values: list[Any]) -> None:
    names = catalogue.MODELS[model].params["properties"]
    params = {name: value for name, value in zip(names, values, strict=False) if value is not None}
    if "prompt" in catalogue.MODELS[model].inputs:
        params["prompt"] = "a hill"
    problems = catalogue.params_problems(model, params, complete=True, files=_files(model))
    try:
        order_read({"model": model, "params": params, "inputs": _files(model)})
        accepted = True
    except OrderRefused as refusal:
        accepted = refusal.code == "refused"
    assert accepted >= (not problems)


@given(
    st.sampled_from(sorted(OFFERS)), st.dictionaries(st.sampled_from(["width", "height", "seconds", "seed"]), VALUES)
)
def test_quote_never_breaks_on_wrong_parameters(model: str, params: dict[str, Any]) -> None:
    low, high = catalogue.quote(model, params, {})
    assert 0 < low == high


PICTURE, FILM = {"$asset": "a", "kind": "image"}, {"$asset": "v", "kind": "video"}


@pytest.mark.parametrize(
    ("model", "given_files", "placed", "left"),
    [
        ("sandbox/video", {"image": PICTURE}, {"image": PICTURE}, []),
        ("sandbox/edit", {"image": PICTURE}, {"images": [PICTURE]}, []),
        ("sandbox/upscale", {"images": [PICTURE]}, {"image": PICTURE}, []),
        ("sandbox/upscale", {"images": [PICTURE, PICTURE]}, {}, ["images"]),
        ("sandbox/edit", {"images": [PICTURE], "mask": PICTURE}, {"images": [PICTURE], "mask": PICTURE}, []),
        ("sandbox/video", {"image": PICTURE, "last_image": PICTURE}, {"image": PICTURE}, ["last_image"]),
        ("sandbox/extend", {"clip": FILM}, {"video": FILM}, []),
        ("sandbox/extend", {"image": PICTURE}, {}, ["image"]),
    ],
)
def test_files_go_under_the_names_a_model_has(
    model: str, given_files: dict[str, Any], placed: dict[str, Any], left: list[str]
) -> None:
    assert catalogue.inputs_fit(model, given_files) == (placed, left)


def test_files_a_model_needs_are_asked_for() -> None:
    given_words = {"prompt": "at night"}
    assert catalogue.params_problems("sandbox/edit", given_words, complete=True) == [
        ("images", "Images is empty. Fill it in.")
    ]
    assert catalogue.params_problems("sandbox/edit", given_words, complete=True, files=["images"]) == []
    assert catalogue.inputs_problems("sandbox/upscale", {"image": [PICTURE, PICTURE]})[0].param == "image"
    assert catalogue.inputs_problems("sandbox/edit", {"images": [PICTURE]}) == []
