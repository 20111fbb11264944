"""Secrets of others, kept so that a copy of the database opens none of them.

AES-256-GCM. Each workspace has a data key of its own, kept only wrapped by a key-encryption key from the environment
(`SECRETS_KEYS`), whose id stands beside it. What a secret belongs to is part of the seal (associated data), so a sealed
text moved to another row does not open.
"""

from __future__ import annotations

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE = 12
KEY = 32


class Unsealable(Exception):
    """This secret cannot be opened with the keys that are here."""


def seal(key: bytes, plain: bytes, *, about: str) -> bytes:
    """``plain`` sealed for ``about``: 12 bytes of nonce, then the ciphertext with its tag."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def unseal(key: bytes, sealed: bytes, *, about: str) -> bytes:
    """The plain text; Unsealable for another key, another ``about``, or a changed byte."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable(Unsealable.__doc__) from error


def wrap_new(*, about: str) -> tuple[str, bytes]:
    """A new data key, wrapped: the id of the key it is wrapped with, and the wrapped bytes."""
    return rewrap(os.urandom(KEY), about=about)


def rewrap(data_key: bytes, *, about: str) -> tuple[str, bytes]:
    """A data key wrapped with the newest key-encryption key."""
    newest = next(iter(_keys()))
    return newest, seal(_keys()[newest], data_key, about=about)


def unwrap(key_id: str, wrapped: bytes, *, about: str) -> bytes:
    """The data key; Unsealable where its key-encryption key is not here."""
    key = _keys().get(key_id)
    if key is None:
        raise Unsealable(Unsealable.__doc__)
    return unseal(key, wrapped, about=about)


def newest_key_id() -> str:
    """The id of the key that new data keys are wrapped with."""
    return next(iter(_keys()))


@cache
def _keys_of(told: str, fallback: str) -> dict[str, bytes]:
    found = {}
    for part in filter(None, (part.strip() for part in told.split(","))):
        name, _colon, text = part.partition(":")
        key = base64.b64decode(text, validate=True)
        if len(key) != KEY:
            raise ValueError(f"SECRETS_KEYS: the key {name} must have 32 bytes, base64")
        found[name] = key
    derived = HKDF(hashes.SHA256(), KEY, salt=None, info=b"millrace secrets").derive(fallback.encode())
    # Last, so that it still opens what was sealed before keys of their own were given.
    return {**found, "site": derived}


def _keys() -> dict[str, bytes]:
    """The newest first, as `SECRETS_KEYS` lists them: ``id:base64,id:base64``."""
    return _keys_of(settings.SECRETS_KEYS, settings.SECRET_KEY)
