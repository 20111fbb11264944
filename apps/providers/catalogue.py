"""The models people can choose: what they take, and what they cost before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from apps.providers.entries import built_in, entry_check, schemas
from apps.providers.prices import CREDIT, Price, Quote
from apps.wording import gettext as _
from apps.wording import ngettext
from apps.wording.schema import empty, sentence, unknown

__all__ = ["CREDIT", "MODELS", "Model", "ParamProblem", "Quote", "UnknownModel", "model_get", "quote"]
ModelKind = Literal["image", "video", "text", "audio"]


class UnknownModel(KeyError):
    """There is no model with this id."""


class ParamProblem(NamedTuple):
    """What is wrong with one parameter, as a sentence."""

    param: str
    message: str


@dataclass(frozen=True)
class Model:
    """``params``: JSON Schema of the form. ``inputs``: JSON Schema by name of what arrives through ports.

    ``call`` is its vendor adapter's own. A ``retired`` one is kept, so that what it made can be told, but not offered.
    """

    id: str
    version: int
    kind: ModelKind
    title: str
    description: str
    capabilities: tuple[str, ...]
    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    price: Price
    call: Mapping[str, Any]
    retired: bool = False

    @property
    def provider(self) -> str:
        return self.id.split("/", 1)[0]

    def to_json(self) -> dict[str, Any]:
        """The model as ``GET /api/v1/models`` shows it."""
        return {
            "id": self.id,
            "version": self.version,
            "provider": self.provider,
            "kind": self.kind,
            "title": self.title,
            "description": self.description,
            "capabilities": list(self.capabilities),
            "params": dict(self.params),
            "inputs": dict(self.inputs),
            "price": {
                "unit": self.price.unit,
                "formula": self.price.formula,
                "source": self.price.source,
                "as_of": self.price.as_of,
            },
        }


def model_of(entry: Mapping[str, Any]) -> Model:
    """A model from its catalogue entry; EntryInvalid."""
    entry_check(entry)
    return Model(
        id=entry["id"],
        version=int(entry.get("version", 1)),
        kind=cast(ModelKind, entry["kind"]),
        title=entry["title"],
        description=entry["description"],
        capabilities=tuple(entry["capabilities"]),
        params={"type": "object", "properties": schemas(entry["params"]), "additionalProperties": False},
        inputs=schemas(entry["inputs"]),
        price=Price.of(entry["price"]),
        call=dict(entry.get("call", {})),
        retired=bool(entry.get("retired", False)),
    )


def _built_in() -> dict[str, Model]:
    return {entry["id"]: model_of(entry) for entry in built_in()}


# Read by whoever offers, checks or prices models; replaced as a whole by :func:`models_replace`.
MODELS: dict[str, Model] = _built_in()


def models_replace(entries: Iterable[Mapping[str, Any]]) -> None:
    """The models that come with the product, with these laid over them. EntryInvalid, and then nothing changes."""
    laid_over = {**_built_in(), **{entry["id"]: model_of(entry) for entry in entries}}
    for gone in MODELS.keys() - laid_over.keys():
        del MODELS[gone]
    MODELS.update(laid_over)


def offered(capability: str = "") -> list[Model]:
    """The models people can choose, those that can do this."""
    return [model for model in MODELS.values() if not model.retired and (capability in ("", *model.capabilities))]


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
    return model_get(model_id).price.quote(params_complete(model_id, sound), inputs)


def cost(model_id: str, params: Mapping[str, Any], inputs: Mapping[str, Any], usage: Mapping[str, Any]) -> int | None:
    """What a call cost by what the vendor says it took, micro-credits; None where it does not say."""
    return model_get(model_id).price.actual(params_complete(model_id, params), inputs, usage) if usage else None


def params_fit(model_id: str, params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What of another model's parameters this one takes, and the names of those it does not."""
    wrong = {problem.param for problem in params_problems(model_id, params)}
    return {name: value for name, value in params.items() if name not in wrong}, sorted(wrong)


# Inputs with a part of their own to play; any other one is "the" image, video or sound that a model works on.
ROLES = frozenset({"mask", "last_image"})


def inputs_fit(model_id: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Files under the names this model has for them, and the names of those it has no place for.

    A name that the model has stays. Another goes where the model takes a file of that kind; one file goes where
    several may, and a list of one where one must.
    """
    takes = model_get(model_id).inputs
    placed: dict[str, Any] = {}
    left = []
    for name, value in sorted(inputs.items(), key=lambda item: item[0] not in takes):
        files = value if isinstance(value, list) else [value]
        free = [name] if name in takes else _places(takes, name, files)
        place = next((one for one in free if one not in placed and _holds(takes[one], files)), None)
        if place is None:
            left.append(name)
        else:
            placed[place] = files if takes[place].get("x-many") else files[0]
    return placed, sorted(left)


def _places(takes: Mapping[str, Any], name: str, files: list[Any]) -> list[str]:
    """The inputs of a model where files that another model calls ``name`` may go, those for several first."""
    kinds = {str(file.get("kind") or "") for file in files if isinstance(file, Mapping)}
    if name in ROLES or len(kinds) != 1:
        return []
    fit = [other for other, schema in takes.items() if other not in ROLES and schema.get("x-asset") in kinds]
    return sorted(fit, key=lambda other: not takes[other].get("x-many"))


def _holds(schema: Mapping[str, Any], files: list[Any]) -> bool:
    most = schema.get("maxItems", 100) if schema.get("x-many") else 1
    return "x-asset" in schema and 0 < len(files) <= most


def stand_in_problem(model_id: str, other_id: str, capability: str = "") -> str | None:
    """Why the other model cannot be asked in this one's place, as a sentence; None where it can.

    ``capability``: what it must be able to do; else anything that the first one can.
    """
    model, other = MODELS.get(model_id), MODELS.get(other_id)
    if other is None or other.retired:
        return _("There is no model “%(model)s”.", model=other_id)
    if other_id == model_id:
        return _("%(model)s is asked first already.", model=_(other.title))
    wanted = {capability} if capability else set(model.capabilities if model else ())
    if wanted and not wanted & set(other.capabilities):
        first = _(model.title) if model else model_id
        return _("%(model)s cannot stand in for %(first)s: it does something else.", model=_(other.title), first=first)
    return None


def quote_any(
    model_ids: Iterable[str], params: Mapping[str, Any], inputs: Mapping[str, Any], own: Collection[str] = ()
) -> Quote:
    """The price of a call that one of these models will answer: from the cheapest to the dearest.

    A call to a vendor in ``own`` is made with a key of the workspace's own, and costs no credits.
    """
    quotes = [
        Quote(0, 0)
        if model_get(name).provider in own
        else quote(name, params_fit(name, params)[0], inputs_fit(name, inputs)[0])
        for name in model_ids
    ]
    return Quote(min(each.low for each in quotes), max(each.high for each in quotes))


def params_problems(
    model_id: str, params: Mapping[str, Any], *, complete: bool = False, files: Collection[str] = ()
) -> list[ParamProblem]:
    """One sentence per wrong parameter. ``complete``: what comes through ports (the prompt) must be there as well.

    ``files`` names the inputs that are given as files.
    """
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
        missing = {name: title for name, title in required.items() if not params.get(name) and name not in files}
        problems += [ParamProblem(name, empty(_(title))) for name, title in missing.items()]
    return problems


def inputs_problems(model_id: str, inputs: Mapping[str, Any]) -> list[ParamProblem]:
    """One sentence per input that is given more files than this model takes there."""
    files = {name: schema for name, schema in model_get(model_id).inputs.items() if "x-asset" in schema}
    problems = []
    for name, value in inputs.items():
        given = value if isinstance(value, list) else [value]
        if name in files and not _holds(files[name], given):
            named = str(files[name]["title"])
            most = files[name].get("maxItems", 100) if files[name].get("x-many") else 1
            told = ngettext(
                "%(title)s takes %(count)s file.",
                "%(title)s takes at most %(count)s files.",
                most,
                title=_(named),
            )
            problems.append(ParamProblem(name, told))
    return problems
