"""Hands its value on from a process of its own: the smallest heavy step there is, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, Limits, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _

MIB = 1024**2


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value, after taking memory, computing and waiting; the first ``fail_times`` attempts fail."""
    taken = [b"\1" * MIB for _number in range(params["memory_mb"])]
    until = time.process_time() + params["busy_ms"] / 1000
    while time.process_time() < until:
        pass
    _sleep(context, params["sleep_ms"] / 1000)
    if params["crash"]:
        os.kill(os.getpid(), signal.SIGSEGV)
    if context.attempt <= params["fail_times"]:
        raise NodeFailure(
            _("Failed on request, attempt %(attempt)s.", attempt=context.attempt), code="on-request", permanent=False
        )
    del taken
    return {"value": inputs.get("each", inputs.get("value"))}


def _sleep(context: NodeContext, seconds: float) -> None:
    """Sleep, and tell how far it is where that is worth it."""
    began = time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        context.sleep(min(left, 0.5))
        if seconds > 1:
            context.progress(min(1.0, (time.monotonic() - began) / seconds))


def _count(title: str, maximum: int) -> dict[str, Any]:
    return {"type": "integer", "title": title, "minimum": 0, "maximum": maximum, "default": 0}


NODE = NodeType(
    type="test.work",
    version=1,
    title="Work",
    category="test",
    description="Hands its value on from a process of its own. For tests and benchmarks.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="flask-conical",
    run=run,
    limits=Limits(memory_mb=256, cpu_s=10, time_s=120),
    inputs=(
        Port("value", PortType.ANY, "Value", required=False),
        Port("each", PortType.TEXT, "Each text", required=False),
    ),
    outputs=(Port("value", PortType.ANY, "Value"),),
    params={
        "properties": {
            "sleep_ms": _count("Sleep (ms)", 60_000),
            "busy_ms": _count("Compute (ms)", 60_000),
            "memory_mb": _count("Memory (MB)", 4096),
            "fail_times": _count("Fail times", 100),
            "crash": {"type": "boolean", "title": "Crash", "default": False},
        }
    },
)
