"""Where Stripe calls. Whatever is not genuine is refused before anything is read or kept."""

from __future__ import annotations

import json
import time
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.billing.inbox import NotAnEvent, inbox_accept, told_of
from apps.billing.stripe_client import stripe_livemode
from apps.billing.tasks import inbox_event

log = structlog.get_logger(__name__)
BODY_MAX = 256 * 1024
TOLERANCE_S = 300
app_name = "stripe_hooks"


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 for a genuine event, however often it comes; 400 for what is not one, 413 for what is too large."""
    # Asked by its header, so that a flood of large bodies is not read.
    length = request.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > BODY_MAX:
        return HttpResponse(status=413)
    event = _genuine(request)
    if event is None:
        return HttpResponse(status=400)
    try:
        told = told_of(event)
    except NotAnEvent:
        log.warning("webhook refused", action="stripe_webhook", reason="shape")
        return HttpResponse(status=400)
    kept = inbox_accept(told) if told is not None else None
    if kept is not None:
        inbox_event.delay(inbox_id=str(kept))
    return HttpResponse(status=200)


def _genuine(request: HttpRequest) -> dict[str, Any] | None:
    """The event, when its signature is Stripe's and of this moment, and it is of the mode this site is in."""
    header = request.headers.get("Stripe-Signature", "")
    if not (header and settings.STRIPE_SECRET_KEY and _signed(request.body, header)):
        log.warning("webhook refused", action="stripe_webhook", reason="signature")
        return None
    try:
        event: dict[str, Any] = json.loads(request.body)
        is_ours = event["livemode"] is stripe_livemode() and bool(event["id"] and event["data"]["object"]["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        is_ours = False
    if not is_ours:
        log.warning("webhook refused", action="stripe_webhook", reason="mode")
    return event if is_ours else None


def _signed(body: bytes, header: str) -> bool:
    """Stripe's own check, with the secrets that hold now; and, what that leaves out, not from the future."""
    from stripe import SignatureVerificationError, WebhookSignature

    verify: Any = WebhookSignature.verify_header
    for secret in settings.STRIPE_WEBHOOK_SECRET:
        try:
            verify(body.decode(), header, secret, TOLERANCE_S)
        except (SignatureVerificationError, UnicodeDecodeError):
            continue
        stamp = next(part[2:] for part in header.split(",") if part.startswith("t="))
        return int(stamp) <= time.time() + TOLERANCE_S
    return False


urlpatterns = [path("stripe/", stripe_webhook, name="stripe")]
