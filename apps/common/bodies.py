"""Shapes that several request bodies have in common."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Strict

from apps.engine.operations import storable
from apps.engine.plain import plain

# PostgreSQL holds any text but the null character: the pattern of texts in JSON Schema.
STORABLE = r"^[^\x00]*$"


class Body(Schema):
    """The body of a request: a field nobody knows, or a value of another type, is refused and not guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NoBody(Body):
    """The body of a request that takes none: nothing, or an object without fields."""


# JSON has no ids of its own: they come as text.
Id = Annotated[UUID, Strict(False)]


def _storable(found: dict[str, Any]) -> dict[str, Any]:
    storable(found)
    kept: dict[str, Any] = plain(found)
    return kept


# An object of the caller's own, of which we know only that PostgreSQL can keep it: finite numbers, whole Unicode. Its
# numbers are as the database will give them back.
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
