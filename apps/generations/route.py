"""Who was asked before the model that answered, and why they did not: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.generations.models import Generation
from apps.providers.catalogue import MODELS


def route_said(generation: Generation) -> list[str]:
    """The route in the reader's language, in the order it went."""
    return [_said(hop, _asked(generation, place)) for place, hop in enumerate(generation.route)]


def _asked(generation: Generation, place: int) -> str:
    """The model that was asked instead: the hop names it, or the next one does, or the row."""
    hops = generation.route
    return hops[place].get("asked") or (hops[place + 1]["model"] if place + 1 < len(hops) else generation.model)


def _said(hop: Mapping[str, Any], asked: str) -> str:
    parts = {"before": _title(hop["model"]), "after": _title(asked)}
    if hop.get("code") == "rate_limited":
        told = _("Busy: %(before)s answered 429. Asked %(after)s instead.") % parts
    else:
        told = _("Out of reach: %(before)s. Asked %(after)s instead.") % parts
    dropped = [_setting(hop["model"], name) for name in hop.get("dropped") or ()]
    if not dropped:
        return told
    unused = _("Not used by %(model)s: %(names)s.") % {"model": parts["after"], "names": ", ".join(dropped)}
    return f"{told} {unused}"


def _title(model_id: str) -> str:
    model = MODELS.get(model_id)
    return _(model.title) if model else model_id


def _setting(model_id: str, name: str) -> str:
    model = MODELS.get(model_id)
    schema = {**model.inputs, **model.params["properties"]}.get(name, {}) if model else {}
    title = schema.get("title", "")
    return _(title) if title else name
