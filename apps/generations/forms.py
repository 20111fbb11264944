"""A form drawn from a model's own parameter schema, for a call without a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _

from apps.common.described import described
from apps.providers.catalogue import Model, Quote, offered, quote


def settings_form(
    model: Model, data: Mapping[str, Any] | None = None, initial: Mapping[str, Any] | None = None
) -> forms.Form:
    """A bound or unbound form with one field per parameter of ``model``."""
    typed = {name: schema for name, schema in model.inputs.items() if schema.get("type") == "string"}
    properties: dict[str, dict[str, Any]] = {**typed, **model.params["properties"]}
    fields = {name: _field(described(schema)) for name, schema in properties.items()}
    return cast(forms.Form, type("SettingsForm", (forms.Form,), fields)(data, initial=dict(initial or {})))


def fields_split(form: forms.Form, model: Model) -> tuple[list[forms.BoundField], list[forms.BoundField]]:
    """The form's fields, and apart from them the ones that few people need."""
    rare = {name for name, schema in model.params["properties"].items() if schema.get("x-advanced")}
    return [field for field in form if field.name not in rare], [field for field in form if field.name in rare]


def settings_given(form: forms.Form) -> dict[str, Any]:
    """The valid form's values, without the fields that were left empty (the model's own defaults apply)."""
    return {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}


def form_price(form: forms.Form, model: Model, inputs: Mapping[str, Any]) -> Quote:
    """The price of the form as it stands, with these files; what is not valid (yet) counts as the model's default."""
    if form.is_bound:
        form.is_valid()
        given = settings_given(form)
    else:
        given = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return quote(model.id, {name: value for name, value in given.items() if value not in (None, "")}, inputs)


def settings_carried(model: Model, given: Mapping[str, Any], before: Model | None) -> tuple[dict[str, Any], list[str]]:
    """What of another model's settings goes into this one's form, and the titles of those it does not use.

    A setting that stands as the earlier model has it by itself is no loss. What is new has this model's own default.
    """
    earlier = before.params["properties"] if before else {}
    chosen = {name: value for name, value in given.items() if value not in (None, "")}
    form = settings_form(model, chosen)
    refused = {name for name in form.errors if name in chosen}
    kept = {name: value for name, value in given.items() if name not in refused}
    for name, field in form.fields.items():
        if name in refused or name not in given:
            kept[name] = "" if field.initial is None else field.initial
    titles = {name: schema["title"] for name, schema in earlier.items()}
    dropped = [
        _(title)
        for name, title in titles.items()
        if name in chosen
        and str(chosen[name]) != str(earlier[name].get("default"))
        and (name in refused or name not in form.fields)
    ]
    return kept, dropped


def problems_show(form: forms.Form, problems: list[dict[str, str]]) -> None:
    """Put each problem of the service on its field, or above the form when it has none here."""
    for problem in problems:
        form.add_error(problem["field"] if problem["field"] in form.fields else None, problem["message"])


def model_choices() -> list[tuple[str, str]]:
    """Every model that can be chosen as (id, title), as the catalogue orders them."""
    return [(model.id, _(model.title)) for model in offered()]


def _field(schema: dict[str, Any]) -> forms.Field:
    common: dict[str, Any] = {
        "label": schema["title"],
        "help_text": schema.get("description", ""),
        "required": bool(schema.get("x-required")),
        "initial": schema.get("default"),
    }
    if "enum" in schema:
        return _choice(schema, common)
    if schema.get("type") == "boolean":
        return forms.BooleanField(**{**common, "required": False})
    if schema.get("type") in ("integer", "number"):
        kind = forms.IntegerField if schema["type"] == "integer" else forms.FloatField
        bounds: dict[str, Any] = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
        return kind(**common, **bounds, step_size=schema.get("multipleOf"))
    widget = forms.Textarea(attrs={"rows": 4}) if schema.get("format") == "multiline" else None
    return forms.CharField(**common, widget=widget, max_length=schema.get("maxLength"))


def _choice(schema: dict[str, Any], common: dict[str, Any]) -> forms.Field:
    titles = schema.get("x-enum-titles", schema["enum"])
    values = {str(value): value for value in schema["enum"]}
    choices = [(str(value), str(title)) for value, title in zip(schema["enum"], titles, strict=False)]
    if not common["required"] and "default" not in schema:
        choices = [("", "—"), *choices]
    return forms.TypedChoiceField(**common, choices=choices, coerce=values.__getitem__, empty_value=None)
