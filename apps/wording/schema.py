"""A schema's refusal as one sentence that names the parameter by its title and says what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apps.wording import gettext as _
from apps.wording import ngettext

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError


def sentence(schema: Mapping[str, Any], error: ValidationError) -> str:
    """For a person, in the words of the form; it never repeats the value. ``schema`` is the parameter's own."""
    named = str(schema.get("title", ""))
    title = _(named) or _("This setting")
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    if rule in {"minimum", "maximum"} and "minimum" in schema and "maximum" in schema:
        low, high = f"{schema['minimum']:,}", f"{schema['maximum']:,}"
        return _("%(title)s must lie between %(low)s and %(high)s.", title=title, low=low, high=high)
    if rule == "minimum":
        return _("%(title)s must be at least %(low)s.", title=title, low=f"{schema['minimum']:,}")
    if rule == "maximum":
        return _("%(title)s must be at most %(high)s.", title=title, high=f"{schema['maximum']:,}")
    if rule == "multipleOf":
        return _("%(title)s must be a multiple of %(step)s.", title=title, step=schema["multipleOf"])
    if rule == "enum":
        choices = ", ".join(str(choice) for choice in schema["enum"] if choice != "")
        return _("%(title)s must be one of: %(choices)s.", title=title, choices=choices)
    if rule == "type":
        return _("%(title)s must be %(kind)s.", title=title, kind=_kind(str(schema["type"])))
    if rule in {"minLength", "pattern"}:
        return empty(title)
    if rule == "maxLength":
        return ngettext(
            "%(title)s is too long: at most %(count)s character.",
            "%(title)s is too long: at most %(count)s characters.",
            schema["maxLength"],
            title=title,
        )
    return _of_parts(title, rule, error.kind) or _("%(title)s does not take this value.", title=title)


def _of_parts(title: str, rule: str, kind: Any) -> str:
    """About a list's length or an object's keys."""
    if rule == "maxItems":
        return _("%(title)s takes at most %(count)s.", title=title, count=f"{kind.limit:,}")
    if rule == "minItems":
        return _("%(title)s needs at least %(count)s.", title=title, count=f"{kind.limit:,}")
    if rule == "required":
        return _("%(title)s lacks “%(name)s”.", title=title, name=kind.property)
    return unknown(str(kind.unexpected[0]), title) if rule == "additionalProperties" else ""


def empty(title: str) -> str:
    """For a parameter that must not be left out; ``title`` in the reader's language."""
    return _("%(title)s is empty. Fill it in.", title=title)


def unknown(name: str, owner: str) -> str:
    """For a parameter that ``owner`` (a node or a model, in the reader's language) does not have."""
    return _("“%(name)s” is not a parameter of %(owner)s.", name=name, owner=owner)


def _kind(name: str) -> str:
    kinds = {
        "integer": _("a whole number"),
        "number": _("a number"),
        "string": _("text"),
        "boolean": _("yes or no"),
        "array": _("a list"),
        "object": _("an object"),
    }
    return kinds.get(name, name)
