"""A schema's refusal as one sentence that names the parameter by its title and says what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema_rs import ValidationError

KINDS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "yes or no"}


def sentence(schema: Mapping[str, Any], error: ValidationError) -> str:
    """For a person, in the words of the form."""
    title = str(schema.get("title", "This"))
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    if rule in {"minimum", "maximum"} and "minimum" in schema and "maximum" in schema:
        return f"{title} must lie between {schema['minimum']:,} and {schema['maximum']:,}."
    if rule == "multipleOf":
        return f"{title} must be a multiple of {schema['multipleOf']}."
    if rule == "enum":
        return f"{title} must be one of: {', '.join(map(str, schema['enum']))}."
    if rule == "type":
        return f"{title} must be {KINDS.get(str(schema['type']), str(schema['type']))}."
    if rule in {"minLength", "pattern"}:
        return f"{title} is empty. Fill it in."
    if rule == "maxLength":
        return f"{title} is too long: at most {schema['maxLength']:,} characters."
    return f"{title}: {error.message}."
