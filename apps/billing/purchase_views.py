"""Buying credits: choose, pay at Stripe, come back. Every member sees it, admins buy."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.billing.checkouts import PurchaseRefused
from apps.billing.models import WAITING, Purchase, PurchaseKind
from apps.billing.offers import PACKS, credit_price_text
from apps.billing.purchase_forms import BuyForm
from apps.billing.purchases import RequestReused, purchase_checkout, purchase_look, purchase_start, returned_look
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_configured
from apps.billing.wallet import balance_get
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role


def return_url(request: HttpRequest, workspace: str, purchase: UUID | str) -> str:
    """Where the buyer comes back to from Stripe, absolute."""
    return request.build_absolute_uri(reverse("billing:purchase", args=[workspace, purchase]))


def may_buy(request: MemberRequest) -> bool:
    """Money is for admins; the others see what there is."""
    return request.role.includes(Role.ADMIN)


@require_http_methods(["GET", "POST"])
@member_required(role=Role.VIEWER)
def buy(request: MemberRequest) -> HttpResponse:
    """The packs, and an amount of one's own; POST writes the purchase down and leads to Stripe."""
    if request.method == "GET":
        return _buy_page(request, BuyForm(initial={"key": uuid4().hex}))
    if not may_buy(request):
        raise PermissionDenied
    form = BuyForm(request.POST)
    if form.is_valid():
        try:
            purchase = purchase_start(
                workspace_id=request.workspace.id,
                actor_id=request.user.id,
                order=form.order(),
                request_key=form.cleaned_data["key"],
            )
            return _to_stripe(request, purchase)
        except (PurchaseRefused, RequestReused) as error:
            form.add_error("amount", str(error))
    return _buy_page(request, form, status=422)


def _buy_page(request: MemberRequest, form: BuyForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "packs": PACKS.values(),
        "currency": settings.BILLING_CURRENCY,
        "credit_price": credit_price_text(),
        "balance": balance_get(workspace_id=request.workspace.id),
        "may_buy": may_buy(request),
        "is_set_up": stripe_configured(),
    }
    return render(request, "billing/buy.html", context, status=status)


def _to_stripe(request: MemberRequest, purchase: Purchase) -> HttpResponse:
    """On to the page where it is paid; to ours where that is not to be had, or there is nothing to pay any more."""
    here = return_url(request, request.workspace.slug, purchase.id)
    try:
        purchase = purchase_checkout(purchase=purchase, email=request.user.email, return_url=here)
    except (StripeUnavailable, StripeRefused) as error:
        return _purchase_page(request, purchase, problem=str(error), status=503)
    response = redirect(purchase.checkout_url or here)
    response.status_code = 303
    return response


def _purchase_or_404(request: MemberRequest, purchase_id: UUID) -> Purchase:
    found: Purchase | None = Purchase.objects.filter(id=purchase_id).exclude(kind=PurchaseKind.PERIOD).first()
    if found is None:
        raise Http404
    return found


@require_GET
@never_cache
@member_required(role=Role.VIEWER)
def purchase(request: MemberRequest, purchase: UUID) -> HttpResponse:
    """How one purchase stands. The way back from Stripe leads here, so Stripe is asked first."""
    found = _purchase_or_404(request, purchase)
    returned_look(purchase=found, session_id=request.GET.get("session_id", ""))
    return _purchase_page(request, purchase_look(purchase=found))


@require_GET
@never_cache
@member_required(role=Role.VIEWER)
def purchase_state(request: MemberRequest, purchase: UUID) -> HttpResponse:
    """The part that waits for the payment: the same again, until there is something to say."""
    found = purchase_look(purchase=_purchase_or_404(request, purchase))
    return render(request, "billing/purchase.html#state", _purchase_context(request, found))


@require_POST
@member_required(role=Role.ADMIN)
def purchase_pay(request: MemberRequest, purchase: UUID) -> HttpResponse:
    """Go on to Stripe with a purchase that is not paid yet."""
    return _to_stripe(request, _purchase_or_404(request, purchase))


def _purchase_context(request: MemberRequest, found: Purchase, problem: str = "") -> dict[str, Any]:
    return {
        "purchase": found,
        "balance": balance_get(workspace_id=request.workspace.id),
        "is_waiting": found.state in WAITING,
        # Who turned back knows that nothing was paid, and need not wait for anything.
        "came_back": bool(request.GET.get("cancelled")),
        "may_buy": may_buy(request),
        "problem": problem,
    }


def _purchase_page(request: MemberRequest, found: Purchase, problem: str = "", status: int = 200) -> HttpResponse:
    return render(request, "billing/purchase.html", _purchase_context(request, found, problem), status=status)
