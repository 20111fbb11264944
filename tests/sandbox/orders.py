"""Orders the sandbox's tests send."""

from __future__ import annotations

import json
from typing import Any


def order(**changes: Any) -> dict[str, Any]:
    """A small picture; keyword arguments replace parameters (None: left out), those of the envelope are named below."""
    envelope = {
        name: changes.pop(name) for name in ("model", "inputs", "client_reference", "webhook_url") if name in changes
    }
    params: dict[str, Any] = {"prompt": "a small hill", "seed": 7, "width": 256, "height": 256}
    if envelope.get("model") == "sandbox/video":
        params |= {"width": 512, "height": 288, "seconds": 1}
    elif envelope.get("model", "sandbox/image") != "sandbox/image":
        del params["width"], params["height"]
    params = {name: value for name, value in {**params, **changes}.items() if value is not None}
    return dict[str, Any](model="sandbox/image", params=params) | envelope


def raw(**changes: Any) -> bytes:
    """The same as the body of a request."""
    return json.dumps(order(**changes)).encode()
