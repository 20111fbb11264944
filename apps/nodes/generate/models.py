"""What the generating nodes share: a model's own parameters beside the node's, checked and priced by the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.engine.node_types import NodeFailure, Port, Pricer, ProviderCall, Quote, is_variable
from apps.engine.types import ASSETS, PortType
from apps.providers import catalogue
from apps.wording import gettext as _

# A prompt that is still to be written counts with so many characters at most.
ASSUMED_CHARACTERS = 2000
# What is priced by the words that go in.
_BY_WORDS = frozenset({"character", "token_in"})
Ask = Callable[[Mapping[str, Any], Mapping[str, Any]], ProviderCall]


def split(params: Mapping[str, Any], own: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """The model's id and the parameters that are the model's, not the node's ``own``."""
    settings = {name: value for name, value in params.items() if name != "model" and name not in own}
    return str(params.get("model", "")), settings


def call(
    params: Mapping[str, Any],
    port: str,
    *,
    prompt: Any = None,
    files: Mapping[str, Any] | None = None,
    own: Sequence[str] = (),
) -> ProviderCall:
    """The request, its files under the names that the model has for them; NodeFailure where it takes no such thing."""
    name, settings = split(params, own)
    if name not in catalogue.MODELS:
        raise NodeFailure(_("There is no model %(model)s.", model=name), code="unknown-model")
    model = catalogue.MODELS[name]
    placed, left = catalogue.inputs_fit(name, {key: value for key, value in (files or {}).items() if value})
    if prompt and not takes_prompt(params):
        left = ["prompt", *left]
    if left:
        detail = _("%(model)s does not take: %(names)s.", model=_(model.title), names=", ".join(left))
        raise NodeFailure(detail, code="invalid-params")
    return ProviderCall(name, {**settings, **({"prompt": prompt} if prompt else {})}, placed, port)


def takes_prompt(params: Mapping[str, Any]) -> bool:
    """Whether the chosen model takes words."""
    model = catalogue.MODELS.get(str(params.get("model", "")))
    return model is not None and "prompt" in {**model.inputs, **model.params["properties"]}


def checker(capability: str, own: Sequence[str] = ()) -> Callable[[Mapping[str, Any]], list[tuple[str, str]]]:
    """A check that the model exists, can do this, and takes these parameters."""

    def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
        if is_variable(params.get("model")):
            return []  # which model it is shows at run time
        name, settings = split(params, own)
        if problem := _model_problem(capability, name):
            return [("model", problem)]
        known = {key: value for key, value in settings.items() if not is_variable(value)}
        return list(catalogue.params_problems(name, known))

    return check


def _model_problem(capability: str, name: str) -> str | None:
    model = catalogue.MODELS.get(name)
    if not name:
        return _("Choose a model.")
    if model is None or model.retired:
        return _("There is no model called %(model)s. Choose one from the list.", model=name)
    if capability not in model.capabilities:
        return _("%(model)s cannot do this: %(deed)s.", model=_(model.title), deed=deed(capability))
    return None


def deed(capability: str) -> str:
    """What a capability is, in the words of a sentence."""
    deeds = {
        "text-to-image": _("make an image from words"),
        "image-edit": _("change an image"),
        "image-upscale": _("enlarge an image"),
        "image-to-text": _("describe an image"),
        "text-to-video": _("make a video from words"),
        "image-to-video": _("make a video from an image"),
        "video-extend": _("continue a video"),
        "text-to-text": _("write"),
        "text-to-speech": _("speak"),
        "text-to-music": _("make music"),
    }
    return deeds.get(capability, capability)


def stand_in(capability: str) -> Callable[[Mapping[str, Any], str], str | None]:
    """Why another model cannot be asked in the place of the node's, as a sentence."""

    def problem(params: Mapping[str, Any], other: str) -> str | None:
        chosen = params.get("model")
        if is_variable(chosen):
            return _model_problem(capability, other)
        return catalogue.stand_in_problem(str(chosen or ""), other, capability)

    return problem


def varied(own: Sequence[str] = ()) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]:
    """How a variant of the node asks: of the node's parameters those that the variant's model takes, and its own."""

    def fit(params: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
        other = variant.get("model")
        if other in (None, params.get("model")) or other not in catalogue.MODELS:
            return {**params, **variant}
        _model, settings = split(params, own)
        kept, _left = catalogue.params_fit(str(other), settings)
        return {**{name: params[name] for name in own if name in params}, **kept, **variant}

    return fit


def pricer(ask: Ask, ports: Sequence[Port]) -> Pricer:
    """The price of what ``ask`` would ask, micro-credits. Inputs that are not there yet are taken to be as usual."""

    def quote(
        params: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] = (),
        own: Collection[str] = (),
    ) -> Quote:
        if inputs is not None:
            return _price(ask(inputs, params), fallbacks, own)
        high = _price(ask(_assumed(ports, params), params), fallbacks, own)
        if not any(_by_words(name) for name in (str(params.get("model", "")), *fallbacks)):
            return high
        low = _price(ask(_assumed(ports, params, words=1), params), fallbacks, own)
        return replace(high, low=low.low)

    return quote


def _price(asked: ProviderCall, fallbacks: Sequence[str], own: Collection[str]) -> Quote:
    known = [name for name in (asked.model, *fallbacks) if name in catalogue.MODELS]
    vendors = {catalogue.MODELS[name].provider for name in known}
    found = catalogue.quote_any(known, asked.params, asked.inputs, own)
    return Quote(found.low, found.high, tuple(sorted(vendors.intersection(own))))


def _by_words(name: str) -> bool:
    model = catalogue.MODELS.get(name)
    return model is not None and any(term.per in _BY_WORDS for term in model.price.terms)


def _assumed(ports: Sequence[Port], params: Mapping[str, Any], words: int = ASSUMED_CHARACTERS) -> dict[str, Any]:
    """Inputs as they may come: every required port, no other."""
    model = catalogue.MODELS.get(str(params.get("model", "")))
    most = (model.inputs.get("prompt", {}).get("maxLength") if model else None) or words
    text = "x" * min(words, most)
    files = {port.name: {"kind": port.type.value} for port in ports if port.required and port.type in ASSETS}
    texts = {port.name: text for port in ports if port.required and port.type is PortType.TEXT}
    return {**files, **texts}


def params_schema(capability: str, kind: str, default: str, **own: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters every generating node has, and its ``own``; the model's are merged in by the form."""
    model = {
        "type": "string",
        "title": "Model",
        "format": "model",
        "x-model-kind": kind,
        "x-model-capability": capability,
        "default": default,
        "x-primary": True,
    }
    return {"properties": {"model": model, **own}}
