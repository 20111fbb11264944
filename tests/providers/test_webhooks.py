"""A webhook is believed only when signature and age are right. Vendor and adapter share the rules, not the code."""

from __future__ import annotations

import json

import pytest

from apps.providers.base import Credentials, WebhookRefused
from apps.providers.sandbox import SandboxProvider
from apps.sandbox.execution.webhooks import signed_headers, webhook_secret

NOW = 1_800_000_000
BODY = json.dumps({"type": "job.succeeded", "data": {"id": "job-1"}}).encode()
PROVIDER = SandboxProvider(Credentials("the-key", "http://127.0.0.1:1"), clock=lambda: NOW)


def _headers(timestamp: int = NOW, body: bytes = BODY, key: str = "the-key") -> dict[str, str]:
    return signed_headers("msg_1", timestamp, body, webhook_secret(key))


def test_genuine_webhook_names_its_job() -> None:
    assert PROVIDER.verify_webhook(_headers(), BODY) == "job-1"
    assert PROVIDER.verify_webhook({name.upper(): value for name, value in _headers().items()}, BODY) == "job-1"


def test_one_of_several_signatures_is_enough() -> None:
    headers = _headers()
    headers["webhook-signature"] = "v1,AAAA v2,what %%% " + headers["webhook-signature"]
    assert PROVIDER.verify_webhook(headers, BODY) == "job-1"


@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_stale_and_future_are_refused(age: int) -> None:
    with pytest.raises(WebhookRefused, match="too old, or from the future"):
        PROVIDER.verify_webhook(_headers(NOW - age), BODY)


@pytest.mark.parametrize("age", [-299, 299])
def test_a_little_late_or_early_is_fine(age: int) -> None:
    assert PROVIDER.verify_webhook(_headers(NOW - age), BODY) == "job-1"


def test_tampered_is_refused() -> None:
    for headers, body in [
        (_headers(), BODY.replace(b"job-1", b"job-2")),
        ({**_headers(), "webhook-id": "msg_2"}, BODY),
        ({**_headers(), "webhook-timestamp": str(NOW - 1)}, BODY),
        (_headers(key="another-key"), BODY),
        ({**_headers(), "webhook-signature": ""}, BODY),
        ({**_headers(), "webhook-signature": "v1,%%%"}, BODY),
    ]:
        with pytest.raises(WebhookRefused, match="signature"):
            PROVIDER.verify_webhook(headers, body)


def test_without_headers_or_job_is_refused() -> None:
    with pytest.raises(WebhookRefused, match="no id or no time"):
        PROVIDER.verify_webhook({}, BODY)
    with pytest.raises(WebhookRefused, match="no id or no time"):
        PROVIDER.verify_webhook({**_headers(), "webhook-timestamp": "²"}, BODY)
    with pytest.raises(WebhookRefused, match="names no job"):
        PROVIDER.verify_webhook(_headers(body=b"[]"), b"[]")
