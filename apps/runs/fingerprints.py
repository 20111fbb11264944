"""What counts as the same work: the fingerprint of a step, and what differs between two of them.

A fingerprint is a hash over workspace, node type, node code version, parameters, the run's variables where the step
reads them, and the content of its inputs; assets enter by the SHA-256 of their bytes, the node's id does not enter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from operator import is_
from typing import Any
from uuid import UUID

from apps.common.jsons import json_bytes
from apps.engine.plan import PlanStep
from apps.engine.values import ASSET_KEY, is_asset

_PLAIN = frozenset({str, int, float, bool, type(None)})


def content_of(value: Any) -> Any:
    """A value as it enters a fingerprint: an asset is its bytes, however it is called."""
    kind = type(value)  # asked first: for an abstract class isinstance() takes ten times as long
    if kind in _PLAIN:
        return value
    if kind is dict or isinstance(value, Mapping):
        if is_asset(value):
            return {ASSET_KEY: value.get("sha256") or value[ASSET_KEY], "kind": value.get("kind")}
        return {name: content_of(one) for name, one in value.items()}
    if isinstance(value, list):
        return [content_of(one) for one in value]
    return value


def fingerprint(workspace_id: UUID, step: PlanStep, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """The fingerprint of a step's work, hexadecimal (32 bytes)."""
    work = [str(workspace_id), step.type.type, step.type.version, content_of(params), content_of(inputs)]
    work += step.type.content
    return hashlib.blake2b(json_bytes(work, ordered=True), digest_size=32).hexdigest()


def same_content(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two sets of inputs surely have the same content, without reading them: they hold the same objects.

    What flows between steps is never changed in place. False may also mean that it takes a fingerprint to know.
    """
    if len(before) != len(after):
        return False
    for name, value in after.items():
        known = before.get(name, before)
        if known is not value and not _same(known, value):
            return False
    return True


def _same(before: Any, after: Any) -> bool:
    if type(before) is not type(after):
        return False
    if type(before) is list:
        # A port that takes several values has a list of its own in each run.
        return len(before) == len(after) and all(map(is_, before, after))
    # Not floats: -0.0 equals 0.0.
    return type(before) in (str, int) and bool(before == after)


def work_params(step: PlanStep, params: Mapping[str, Any], variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """``params``, and with them the run's variables where a step with these parameters reads them by itself."""
    return {**params, "variables": dict(variables)} if step.reads_variables else params


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(name, "changed" | "new" | "gone")`` of what differs between two sets of parameters or inputs."""
    for name in sorted({*before, *after}):
        if name not in before:
            yield name, "new"
        elif name not in after:
            yield name, "gone"
        elif before[name] is not after[name] and _told(before[name]) != _told(after[name]):
            yield name, "changed"


def _told(value: Any) -> bytes:
    # As text, because 1, 1.0 and true are equal in Python but not the same work.
    return json_bytes(content_of(value), ordered=True)


def asset_ids(value: Any) -> Iterator[str]:
    """The ids of all assets in a value."""
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is dict or isinstance(value, Mapping):
        if is_asset(value):
            yield str(value[ASSET_KEY])
        else:
            for one in value.values():
                if type(one) not in _PLAIN:
                    yield from asset_ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from asset_ids(one)
