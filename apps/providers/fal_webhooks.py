"""fal's webhooks: signed with ED25519, by keys it publishes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping

import httpx

from apps.providers.base import WebhookRefused

TOLERANCE_S = 300
# The vendor asks that its keys be kept no longer.
KEYS_KEPT_S = 24 * 3600
# An unknown signature makes us look for new keys, but not more often.
KEYS_AGAIN_S = 60
HEADERS = ("request-id", "user-id", "timestamp", "signature")


class FalWebhooks:
    """Keeps the vendor's public keys."""

    def __init__(self, keys_url: str, clock: Callable[[], float]) -> None:
        self._url = keys_url
        self._clock = clock
        self._keys: list[bytes] = []
        self._read_at = float("-inf")

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """The id of the job; WebhookRefused."""
        given = {name.lower(): value for name, value in headers.items()}
        request, user, stamp, signature = (given.get(f"x-fal-webhook-{name}", "") for name in HEADERS)
        if not request or not stamp.isascii() or not stamp.isdigit():
            raise WebhookRefused("The webhook carries no id or no time.")
        if abs(self._clock() - int(stamp)) > TOLERANCE_S:
            raise WebhookRefused("The webhook is too old, or from the future.")
        message = "\n".join((request, user, stamp, hashlib.sha256(body).hexdigest())).encode()
        if not self._signed(message, signature):
            raise WebhookRefused("The webhook's signature is not fal's.")
        try:
            return str(json.loads(body)["request_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("The webhook names no job.") from error

    def _signed(self, message: bytes, signature: str) -> bool:
        try:
            code = bytes.fromhex(signature)
        except ValueError:
            return False
        age = self._clock() - self._read_at
        if age <= KEYS_KEPT_S and any(_holds(key, message, code) for key in self._keys):
            return True
        if age <= KEYS_AGAIN_S:
            return False
        self._keys, self._read_at = self._read(), self._clock()
        return any(_holds(key, message, code) for key in self._keys)

    def _read(self) -> list[bytes]:
        try:
            answer = httpx.get(self._url, timeout=8.0, trust_env=False).raise_for_status()
            found = [_unpadded(key["x"]) for key in answer.json()["keys"] if key.get("x")]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("fal's keys could not be read.") from error
        return found


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _holds(key: bytes, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
