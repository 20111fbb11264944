"""Words said aloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "text-to-speech"
INPUTS = (Port("text", PortType.TEXT, "Text"),)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One recording."""
    return call(params, "audio", prompt=inputs["text"])


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="audio.speech",
    version=1,
    title="Speak",
    category="audio",
    description="Reads a text aloud.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="audio-lines",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="audio",
    inputs=INPUTS,
    outputs=(Port("audio", PortType.AUDIO, "Audio"),),
    params=params_schema(CAPABILITY, "audio", "sandbox/speech"),
)
