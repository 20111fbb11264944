"""Webhooks by the Standard Webhooks rules: signed, retried a few times, each try with the same id and bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from apps.sandbox.models import WebhookDelivery

BACKOFF_S = (1, 5, 20, 60, 60)


def webhook_secret(key: str) -> bytes:
    """The secret that goes with an API key: a client who has the key can derive it."""
    return hmac.new(key.encode(), b"sandbox webhooks", hashlib.sha256).digest()


def signed_headers(identity: str, timestamp: int, body: bytes, secret: bytes) -> dict[str, str]:
    """The three headers of a message."""
    digest = hmac.new(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def delivery_send(delivery_id: UUID) -> int | None:
    """One try. Answers the seconds to wait before the next, or None when there is none."""
    rows = WebhookDelivery.objects.filter(id=delivery_id, next_at__isnull=False)
    delivery = rows.first()
    if delivery is None:
        return None
    done, told = _post(delivery)
    now = timezone.now()
    wait = None if done or delivery.tries >= len(BACKOFF_S) else BACKOFF_S[delivery.tries]
    rows.update(
        tries=F("tries") + 1,
        last_answer=told[:200],
        delivered_at=now if done and told.startswith("2") else None,
        next_at=None if wait is None else now + timedelta(seconds=wait),
    )
    return wait


def _post(delivery: WebhookDelivery) -> tuple[bool, str]:
    """Whether that was the last try needed, and what came back. 410 means: never again."""
    import httpx  # who only asks for a delivery, as the web server does, need not hold it

    body = delivery.body.encode()
    now = int(timezone.now().timestamp())
    headers = signed_headers(f"msg_{delivery.id}", now, body, webhook_secret(settings.SANDBOX_KEY))
    timeout = httpx.Timeout(10.0, connect=4.0)
    try:
        answer = httpx.post(delivery.url, content=body, headers=headers, timeout=timeout, trust_env=False)
    except httpx.HTTPError as error:
        return False, type(error).__name__
    return answer.is_success or answer.status_code == 410, str(answer.status_code)
