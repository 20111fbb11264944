"""The plan, the card, automatic top-up, receipts. Every member sees them, admins change them."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.billing.checkouts import PurchaseRefused
from apps.billing.customers import card_ask, card_look, customer_find, portal_open
from apps.billing.models import Purchase, PurchaseKind, PurchaseState
from apps.billing.offers import PLAN_OFFERS
from apps.billing.purchase_forms import TopupForm
from apps.billing.purchase_views import may_buy, return_url
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_configured
from apps.billing.subscriptions import plan_change, plan_start, subscription_find
from apps.billing.topups import TopupRefused, rule_find, spent_this_month, topup_set
from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role
from apps.workspaces.plans import PLANS, PlanName

PAGE = 25
# What is worth a line among the receipts: a checkout that nobody went through with is not.
SHOWN = (PurchaseState.PAID, PurchaseState.PROCESSING, PurchaseState.FAILED, PurchaseState.MISMATCH)


@require_http_methods(["GET", "POST"])
@member_required(role=Role.VIEWER)
def plan(request: MemberRequest) -> HttpResponse:
    """The plans, and which one runs; POST chooses another."""
    problem = ""
    if request.method == "POST":
        if not may_buy(request):
            raise PermissionDenied
        try:
            return _plan_chosen(request, PlanName(request.POST.get("plan", "")))
        except ValueError:
            problem = _("There is no such plan. Choose one of those that are shown.")
        except (PurchaseRefused, StripeUnavailable, StripeRefused) as error:
            problem = str(error)
    context = {
        "plans": [(PLANS[name], PLAN_OFFERS.get(name)) for name in PlanName],
        "subscription": subscription_find(request.workspace.id),
        "may_buy": may_buy(request),
        "is_set_up": stripe_configured(),
        "currency": settings.BILLING_CURRENCY,
        "problem": problem,
    }
    return render(request, "billing/plan.html", context, status=422 if problem else 200)


def _plan_chosen(request: MemberRequest, chosen: PlanName) -> HttpResponse:
    if subscription_find(request.workspace.id) is not None:
        plan_change(workspace_id=request.workspace.id, plan=chosen)
        messages.success(request, _("The plan was changed to %(plan)s.") % {"plan": chosen.label})
        return redirect("billing:plan", request.workspace.slug)
    started = plan_start(
        workspace_id=request.workspace.id,
        actor_id=request.user.id,
        plan=chosen,
        email=request.user.email,
        return_url=partial(return_url, request, request.workspace.slug),
    )
    response = redirect(started.checkout_url)
    response.status_code = 303
    return response


@require_GET
@member_required(role=Role.VIEWER)
def payments(request: MemberRequest) -> HttpResponse:
    """The card, the rule, and the first page of receipts; with ``?cursor=`` the next page's rows."""
    if session_id := request.GET.get("card"):
        if may_buy(request) and card_look(workspace_id=request.workspace.id, session_id=session_id):
            messages.success(request, _("The card was saved."))
        return redirect("billing:payments", request.workspace.slug)
    context = _payments_context(request, TopupForm(rule=rule_find(request.workspace.id)))
    name = "billing/payments.html#rows" if request.htmx and request.GET.get("cursor") else "billing/payments.html"
    return render(request, name, context)


def _payments_context(request: MemberRequest, form: TopupForm) -> dict[str, Any]:
    rows = Purchase.objects.filter(state__in=SHOWN).exclude(kind=PurchaseKind.PLAN)
    try:
        found, following = keyset_page(rows, limit=PAGE, cursor=request.GET.get("cursor"))
    except Problem as problem:
        raise Http404 from problem
    return {
        "form": form,
        "rule": rule_find(request.workspace.id),
        "spent": spent_this_month(request.workspace.id),
        "customer": customer_find(request.workspace.id),
        "purchases": found,
        "next": following,
        "may_buy": may_buy(request),
        "is_set_up": stripe_configured(),
        "currency": settings.BILLING_CURRENCY,
    }


@require_POST
@member_required(role=Role.ADMIN)
def topup(request: MemberRequest) -> HttpResponse:
    """Keep the rule of automatic top-up."""
    form = TopupForm(request.POST)
    if form.is_valid():
        try:
            topup_set(workspace_id=request.workspace.id, enabled=form.cleaned_data["enabled"], terms=form.terms())
            messages.success(request, _("Saved."))
            return redirect("billing:payments", request.workspace.slug)
        except TopupRefused as error:
            form.add_error("enabled", str(error))
    return render(request, "billing/payments.html", _payments_context(request, form), status=422)


@require_POST
@member_required(role=Role.ADMIN)
def card(request: MemberRequest) -> HttpResponse:
    """On to Stripe, to leave a card there."""
    here = request.build_absolute_uri(reverse("billing:payments", args=[request.workspace.slug]))
    return _away(
        request,
        lambda: card_ask(
            workspace_id=request.workspace.id,
            email=request.user.email,
            currency=settings.BILLING_CURRENCY,
            success_url=f"{here}?card={{CHECKOUT_SESSION_ID}}",
            cancel_url=here,
        ),
    )


@require_POST
@member_required(role=Role.ADMIN)
def portal(request: MemberRequest) -> HttpResponse:
    """On to Stripe's portal: cards, addresses, invoices, cancelling a plan."""
    here = request.build_absolute_uri(reverse("billing:payments", args=[request.workspace.slug]))
    return _away(
        request,
        lambda: portal_open(workspace_id=request.workspace.id, email=request.user.email, return_url=here),
    )


def _away(request: MemberRequest, ask: Any) -> HttpResponse:
    if not stripe_configured():
        messages.error(request, _("Payments are not set up on this site."))
        return redirect("billing:payments", request.workspace.slug)
    try:
        response = redirect(ask())
    except (StripeUnavailable, StripeRefused) as error:
        messages.error(request, str(error))
        return redirect("billing:payments", request.workspace.slug)
    response.status_code = 303
    return response
