"""Standard Webhooks (standardwebhooks.com), as several vendors sign: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping

from apps.providers.base import WebhookRefused

TOLERANCE_S = 300


def standard_verify(headers: Mapping[str, str], body: bytes, secret: str, *, now: float, vendor: str) -> None:
    """WebhookRefused unless one signature holds and the time is within five minutes, either way.

    ``secret``: as vendors tell it, ``whsec_`` and base64.
    """
    given = {name.lower(): value for name, value in headers.items()}
    identity, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not identity or not stamp.isascii() or not stamp.isdigit():
        raise WebhookRefused("The webhook carries no id or no time.")
    if abs(now - int(stamp)) > TOLERANCE_S:
        raise WebhookRefused("The webhook is too old, or from the future.")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WebhookRefused(f"The secret of {vendor}'s webhooks cannot be read.") from error
    expected = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    if not any(hmac.compare_digest(expected, found) for found in _signatures(given.get("webhook-signature", ""))):
        raise WebhookRefused(f"The webhook's signature is not {vendor}'s.")


def _signatures(header: str) -> Iterator[bytes]:
    for part in header.split():
        version, _, code = part.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(code, validate=True)
            except (binascii.Error, ValueError):
                continue
