"""What the generating nodes share: a model's own parameters beside the node's, checked and priced by the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apps.engine.node_types import NodeFailure, Quote, is_variable
from apps.providers import catalogue
from apps.wording import gettext as _


def split(params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The model's id and the parameters that are the model's."""
    return str(params.get("model", "")), {name: value for name, value in params.items() if name != "model"}


def checker(kind: str) -> Callable[[Mapping[str, Any]], list[tuple[str, str]]]:
    """A check that the model exists, makes ``kind``, and takes these parameters."""

    def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
        if is_variable(params.get("model")):
            return []  # which model it is shows at run time
        name, own = split(params)
        model = catalogue.MODELS.get(name)
        if model is None or model.kind != kind:
            return [("model", _no_model(kind, name))]
        return list(
            catalogue.params_problems(name, {key: value for key, value in own.items() if not is_variable(value)})
        )

    return check


def _no_model(kind: str, name: str) -> str:
    if not name:
        return _("Choose a model.")
    if kind == "image":
        return _("There is no model for images called %(model)s. Choose one from the list.", model=name)
    return _("There is no model for videos called %(model)s. Choose one from the list.", model=name)


def quote(params: Mapping[str, Any]) -> Quote:
    """The price of one call with these parameters, micro-credits."""
    name, own = split(params)
    if name not in catalogue.MODELS:
        raise NodeFailure(_("There is no model %(model)s.", model=name), code="unknown-model")
    found = catalogue.quote(name, own, {})
    return Quote(found.low, found.high)


def params_schema(kind: str, default: str) -> dict[str, Any]:
    """The parameters every generating node has; the model's own are merged in by the form."""
    return {
        "properties": {
            "model": {
                "type": "string",
                "title": "Model",
                "format": "model",
                "x-model-kind": kind,
                "default": default,
                "x-primary": True,
            },
        }
    }
