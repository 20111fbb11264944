"""Shapes that several request bodies have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from apps.engine.operations import storable


def _storable(found: dict[str, Any]) -> dict[str, Any]:
    storable(found)
    return found


# An object of the caller's own, of which we know only that PostgreSQL can keep it: finite numbers, whole Unicode.
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
