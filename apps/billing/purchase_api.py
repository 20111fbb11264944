"""Buying over HTTP: a purchase, and the address where a person pays it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status

from apps.billing.checkouts import PurchaseRefused
from apps.billing.models import Purchase
from apps.billing.purchases import Order, RequestReused, purchase_checkout, purchase_start
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_configured
from apps.common.bodies import Body
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth
from apps.workspaces.idempotency import key_of

router = Router(tags=["billing"])
read = api_auth("read")


class PurchaseIn(Body):
    """A pack by its name, or so many cents."""

    pack: str = ""
    amount: int = 0


class PurchaseOut(Schema):
    """``credits`` are micro-credits; ``amount``, ``paid`` and ``refunded`` cents of ``currency``."""

    id: UUID
    kind: str
    state: str
    description: str
    credits: int
    amount: int
    paid: int
    refunded: int
    currency: str
    error: str
    checkout_url: str
    invoice_url: str
    receipt_url: str
    created_at: datetime
    paid_at: datetime | None


class PurchaseList(Schema):
    items: list[PurchaseOut]
    next: str | None


@router.get("/credits/purchases", auth=read, response=PurchaseList, summary="What was bought")
def purchase_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """Every purchase, the newest first."""
    found, following = keyset_page(Purchase.objects.all(), limit=limit, cursor=cursor)
    return {"items": found, "next": following}


@router.get("/credits/purchases/{purchase_id}", auth=read, response=PurchaseOut, summary="One purchase")
def purchase_show(request: ApiRequest, purchase_id: UUID) -> Purchase:
    """How it stands."""
    found: Purchase | None = Purchase.objects.filter(id=purchase_id).first()
    if found is None:
        raise not_found()
    return found


@router.post(
    "/credits/purchases", auth=api_auth("billing:write"), response={201: PurchaseOut}, summary="Begin a purchase"
)
def purchase_create(request: ApiRequest, body: PurchaseIn) -> Status[Purchase]:
    """A purchase and the page at Stripe where a person pays it (admins)."""
    if not stripe_configured():
        detail = _("Payments are not set up on this site.")
        raise Problem("payments-not-set-up", 409, _("Payments not set up"), detail)
    if bool(body.pack) == bool(body.amount):
        raise _invalid(_("Name a `pack`, or an `amount` in cents, and not both."))
    try:
        made = purchase_start(
            workspace_id=request.workspace.id,
            actor_id=request.user.id,
            order=Order(pack=body.pack, amount=body.amount),
            request_key=key_of(request),
        )
        here = settings.PUBLIC_URL + reverse("billing:purchase", args=[request.workspace.slug, made.id])
        made = purchase_checkout(purchase=made, email=request.user.email, return_url=here)
    except PurchaseRefused as error:
        raise _invalid(str(error)) from error
    except RequestReused as error:
        raise Problem("idempotency-conflict", 409, _("Idempotency key reused"), str(error)) from error
    except (StripeUnavailable, StripeRefused) as error:
        raise _unavailable(str(error)) from error
    return Status(201, made)


def _invalid(detail: str) -> Problem:
    return Problem("invalid-purchase", 422, _("Invalid purchase"), detail)


def _unavailable(detail: str) -> Problem:
    return Problem("payments-unavailable", 503, _("Payments unavailable"), detail)
