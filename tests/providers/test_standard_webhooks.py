"""Standard Webhooks: what is signed by the rules is believed, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from apps.providers.base import WebhookRefused
from apps.providers.standard_webhooks import standard_verify

NOW = 1_800_000_000
KEY = b"a key of 24 bytes, about"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
BODY = b'{"id": "job-1"}'


def headers(at: int = NOW, key: bytes = KEY, before: str = "") -> dict[str, str]:
    code = base64.b64encode(hmac.new(key, f"msg_1.{at}.".encode() + BODY, hashlib.sha256).digest()).decode()
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(at), "Webhook-Signature": f"{before}v1,{code}"}


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_genuine_is_believed_five_minutes_either_way(off: int) -> None:
    standard_verify(headers(NOW + off, before="v1,AAAA v2,what v1,%%% "), BODY, SECRET, now=NOW, vendor="Someone")


@pytest.mark.parametrize(
    ("given", "body", "secret", "said"),
    [
        (headers(NOW - 301), BODY, SECRET, "too old, or from the future"),
        (headers(NOW + 301), BODY, SECRET, "too old, or from the future"),
        (headers(key=b"another"), BODY, SECRET, "not Someone's"),
        (headers(), BODY + b" ", SECRET, "not Someone's"),
        ({**headers(), "Webhook-Id": "msg_2"}, BODY, SECRET, "not Someone's"),
        ({**headers(), "Webhook-Timestamp": "٣"}, BODY, SECRET, "no id or no time"),
        ({}, BODY, SECRET, "no id or no time"),
        (headers(), BODY, "whsec_%%%", "cannot be read"),
    ],
)
def test_everything_else_is_refused(given: dict[str, str], body: bytes, secret: str, said: str) -> None:
    with pytest.raises(WebhookRefused, match=said):
        standard_verify(given, body, secret, now=NOW, vendor="Someone")
