"""The models people can choose: what they take, and what they cost before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from apps.providers import sandbox_models
from apps.wording import gettext as _
from apps.wording.schema import empty, sentence, unknown

CREDIT = 1_000_000  # micro-credits
ModelKind = Literal["image", "video", "text", "audio"]


class UnknownModel(KeyError):
    """There is no model with this id."""


class ParamProblem(NamedTuple):
    """What is wrong with one parameter, as a sentence."""

    param: str
    message: str


class Quote(NamedTuple):
    """Micro-credits; ``low == high`` where the price is exact."""

    low: int
    high: int


@dataclass(frozen=True)
class Model:
    """``params``: JSON Schema of the form. ``inputs``: JSON Schema by name of what arrives through ports."""

    id: str
    kind: ModelKind
    title: str
    description: str
    capabilities: tuple[str, ...]
    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    unit: str
    formula: str
    cost: Callable[[Mapping[str, Any]], Quote]

    @property
    def provider(self) -> str:
        return self.id.split("/", 1)[0]

    def to_json(self) -> dict[str, Any]:
        """The model as ``GET /api/v1/models`` shows it."""
        return {
            "id": self.id,
            "provider": self.provider,
            "kind": self.kind,
            "title": self.title,
            "description": self.description,
            "capabilities": list(self.capabilities),
            "params": dict(self.params),
            "inputs": dict(self.inputs),
            "price": {"unit": self.unit, "formula": self.formula},
        }


def _priced(price: Callable[[Mapping[str, Any]], int]) -> Callable[[Mapping[str, Any]], Quote]:
    return lambda params: Quote(price(params), price(params))


def _model(
    model_id: str, kind: ModelKind, price: Callable[[Mapping[str, Any]], int], about: Mapping[str, Any]
) -> Model:
    return Model(id=model_id, kind=kind, cost=_priced(price), **about)


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _model("sandbox/image", "image", sandbox_models.image_price, sandbox_models.IMAGE),
        _model("sandbox/video", "video", sandbox_models.video_price, sandbox_models.VIDEO),
        _model("sandbox/text", "text", sandbox_models.text_price, sandbox_models.TEXT),
        _model("sandbox/speech", "audio", sandbox_models.speech_price, sandbox_models.SPEECH),
    )
}


def model_get(model_id: str) -> Model:
    """The model; raises UnknownModel."""
    try:
        return MODELS[model_id]
    except KeyError:
        raise UnknownModel(model_id) from None


def params_complete(model_id: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the model's defaults for those left out or null."""
    properties = model_get(model_id).params["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if schema.get("default") is not None}
    return {**defaults, **{name: value for name, value in params.items() if value is not None}}


def quote(model_id: str, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Quote:
    """The price of one call in micro-credits; parameters that are wrong count as their default."""
    wrong = {problem.param for problem in params_problems(model_id, params)}
    sound = {name: value for name, value in params.items() if name not in wrong}
    return model_get(model_id).cost({**params_complete(model_id, sound), **inputs})


def params_problems(model_id: str, params: Mapping[str, Any], *, complete: bool = False) -> list[ParamProblem]:
    """One sentence per wrong parameter. ``complete``: what comes through ports (the prompt) must be there as well."""
    import jsonschema_rs  # see apps.engine.node_types

    model = model_get(model_id)
    known = {**model.params["properties"], **{k: v for k, v in model.inputs.items() if v.get("type") == "string"}}
    problems = []
    for name, value in params.items():
        if name not in known:
            problems.append(ParamProblem(name, unknown(name, _(model.title))))
        elif value is not None:
            errors = jsonschema_rs.Draft202012Validator(dict(known[name])).iter_errors(value)
            problems += [ParamProblem(name, sentence(known[name], error)) for error in list(errors)[:1]]
    if complete:
        required = {name: schema["title"] for name, schema in model.inputs.items() if schema.get("x-required")}
        problems += [ParamProblem(name, empty(_(title))) for name, title in required.items() if not params.get(name)]
    return problems
