"""The way to Stripe. Never call it with a transaction open: it may take seconds.

Requests are not repeated by the SDK. Whoever makes something sends an Idempotency-Key of its own, so that asking again
after a lost answer finds what was made the first time.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from stripe import V1Services

log = structlog.get_logger(__name__)
TIMEOUT_S = 15.0
# The bank wants a person to confirm, said of a payment and of an invoice.
AUTHENTICATION = "authentication_required"
NEEDS_PERSON = (AUTHENTICATION, "invoice_payment_intent_requires_action")
# Whoever buys has no address, or none that tells where to tax.
NO_TAX_LOCATION = "customer_tax_location_invalid"


class StripeUnavailable(Exception):
    """Stripe could not be asked, or did not answer. Asking again later may help."""


class StripeRefused(Exception):
    """Stripe refused. ``code`` is its own, such as ``card_declined``; ``about`` the payment it speaks of."""

    def __init__(self, message: str, *, code: str = "", about: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.about = about


def stripe_configured() -> bool:
    """Whether anything can be bought on this site."""
    return bool(settings.STRIPE_SECRET_KEY)


def stripe_livemode() -> bool:
    """Whether the key moves real money. Test and live share nothing at Stripe, so rows say which they belong to."""
    return "_live_" in str(settings.STRIPE_SECRET_KEY)


@cache
def _client(key: str, base: str) -> V1Services:
    # Imported on first use: most processes never speak to Stripe.
    import stripe

    web = stripe.HTTPXClient(timeout=TIMEOUT_S, allow_sync_methods=True)
    addresses: Any = {"api": base} if base else {}
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=0, http_client=web).v1


def stripe_call(name: str, /, *arguments: Any, key: str = "", **parameters: Any) -> Any:
    """Call ``name`` ("checkout.sessions.create") with ids and parameters; ``key`` makes a repeat harmless.

    Raises StripeUnavailable, StripeRefused.
    """
    import stripe

    method: Any = _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)
    for part in name.split("."):
        method = getattr(method, part)
    options = {"idempotency_key": key} if key else {}
    try:
        return method(*arguments, parameters, options)
    except stripe.CardError as error:
        about = _intent_of(error)
        message = _sentence(error.code) or error.user_message or str(error)
        raise StripeRefused(message, code=error.code or "", about=about) from error
    except stripe.StripeError as error:
        # 409: the same key is being worked on at this moment.
        passing = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)
        if isinstance(error, passing) or error.http_status == 409:
            log.warning("stripe unavailable", action="stripe_call", call=name, error=str(error))
            raise StripeUnavailable(_("Stripe does not answer at the moment. Try again in a minute.")) from error
        log.error("stripe refused", action="stripe_call", call=name, error=str(error))
        message = _sentence(error.code) or _("Stripe refused this. Nothing was charged.")
        raise StripeRefused(message, code=error.code or "") from error


def _sentence(code: str | None) -> str:
    """Ours for a refusal that Stripe words for developers; "" for others."""
    if code == NO_TAX_LOCATION:
        return no_tax_location()
    return _("The bank wants a person to confirm this payment.") if code in NEEDS_PERSON else ""


def no_tax_location() -> str:
    """What to do where Stripe does not know by which place to tax."""
    return _("Stripe does not know where to tax this workspace. Add a billing address in the portal at Stripe.")


def _intent_of(error: Any) -> str:
    found = getattr(error.error, "payment_intent", None) if error.error is not None else None
    return str(found.id) if found is not None else ""


def stripe_id(value: Any) -> str:
    """The id of a reference that may have been expanded; "" for none."""
    return str(value.id if hasattr(value, "id") else value or "")


def stripe_metadata(thing: Any, name: str) -> str:
    """A word that we had Stripe keep with an object; "" for none."""
    kept = getattr(thing, "metadata", None)
    return str(kept.to_dict().get(name, "")) if kept else ""
