"""Payments: what was bought, money back, and what Stripe told us that could not be worked on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from apps.billing.inbox import inbox_replay
from apps.billing.models import InboxEvent, InboxState, Purchase, Reconciliation
from apps.billing.refunds import RefundRefused, purchase_refund
from apps.billing.stripe_client import StripeRefused, StripeUnavailable
from apps.common.money import credits_number, money_text
from apps.console.admin.base import ById, Page, act_form, many
from apps.console.admin.runs import LookFilter
from apps.console.forms import RefundForm
from apps.workspaces.audit import audit_record

# Stripe is asked for each while the page waits.
REPLAYS_MAX = 10


@admin.register(Purchase)
class PurchaseAdmin(ById, Page, ModelAdmin):  # type: ignore[misc]
    """One row per payment."""

    list_display = ("id", "workspace", "kind", "state", "price", "back", "worth", "paid_at", "created_at")
    list_filter = ("state", "kind")
    list_select_related = ("workspace",)
    found_by = ("id", "workspace_id", "actor_id")
    ordering = ("-id",)
    fields = readonly_fields = (
        "id", "workspace", "kind", "state", "description", "price", "back", "worth", "livemode", "plan", "error",
        "session_id", "payment_intent_id", "invoice_id", "subscription_id", "created_at", "paid_at", "period_end",
    )  # fmt: skip
    actions_detail = ("refund",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Stripe's ids are found as well."""
        term = search_term.strip()
        if term.startswith(("pi_", "cs_", "in_")):
            return queryset.filter(Q(payment_intent_id=term) | Q(session_id=term) | Q(invoice_id=term)), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("Paid"))
    def price(self, row: Purchase) -> str:
        """What was charged, else what is asked."""
        return money_text(row.paid or row.amount, row.currency)

    @admin.display(description=gettext_lazy("Paid back"))
    def back(self, row: Purchase) -> str:
        """Refunds and lost disputes."""
        return money_text(row.refunded + row.disputed, row.currency) if row.refunded + row.disputed else ""

    @admin.display(description=gettext_lazy("Credits"))
    def worth(self, row: Purchase) -> str:
        """What it bought."""
        return credits_number(row.credits)

    @action(description=gettext_lazy("Refund"), url_path="refund", permissions=["act"], icon="undo")  # type: ignore[untyped-decorator]
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how much and why; then pay it back and take the credits."""
        purchase: Any = self.get_object(request, object_id)
        if purchase is None:
            raise Http404
        left = purchase.paid - purchase.refunded - purchase.disputed
        form = RefundForm(request.POST or None, initial={"amount": f"{left / 100:.2f}"})
        if request.method == "POST" and form.is_valid() and self._refunded(request, purchase, form):
            return redirect("admin:billing_purchase_change", purchase.pk)
        note = _("Stripe pays the money back. The credits it bought are taken; what is spent of them is owed.")
        title, more = _("Refund %(what)s") % {"what": purchase.description}, {"note": note, "rows": [purchase]}
        return act_form(self, request, form=form, title=title, does=_("Refund"), back="../change/", more=more)

    def _refunded(self, request: HttpRequest, purchase: Purchase, form: RefundForm) -> bool:
        reason, once = form.cleaned_data["reason"], str(form.cleaned_data["once"])
        try:
            purchase_refund(purchase=purchase, amount=form.cents(), reason=reason, key=once)
        except (RefundRefused, StripeRefused, StripeUnavailable) as error:
            form.add_error("amount", str(error))
            return False
        amount = money_text(form.cents(), purchase.currency)
        audit_record(
            workspace_id=purchase.workspace_id,
            action="purchase_refund",
            target=purchase.description,
            target_id=purchase.id,
            after={"amount": form.cents(), "currency": purchase.currency, "reason": reason},
        )
        words = _("Refunded %(amount)s: %(reason)s") % {"amount": amount, "reason": reason}
        self.log_change(request, purchase, words)
        messages.success(request, words)
        return True


class InboxFilter(LookFilter):
    stuck = staticmethod(lambda: Q(state=InboxState.FAILED) | Q(state=InboxState.WAITING, attempts__gt=1))
    live = (InboxState.WAITING,)


@admin.register(InboxEvent)
class InboxEventAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """Webhooks of Stripe, those first that failed."""

    list_display = ("event_id", "type", "object_id", "state", "attempts", "error", "received_at", "done_at")
    list_filter = (InboxFilter,)
    search_fields = ("=event_id", "=object_id")
    search_help_text = gettext_lazy("The id of an event, or of what it is about")
    ordering = ("-received_at",)
    fields = readonly_fields = (
        "event_id", "type", "object_id", "state", "attempts", "error", "told_at", "received_at", "due_at", "done_at",
    )  # fmt: skip
    actions = ("replay",)

    @admin.action(description=gettext_lazy("Replay"), permissions=["act"])
    def replay(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """Work on them again, as Stripe has their objects now. Safe for those that are done."""

        def do(row: InboxEvent, reason: str) -> str:
            if not inbox_replay(inbox_id=row.id):
                row.refresh_from_db()
                raise ValueError(row.error or _("Somebody is at it at this moment."))
            return _("Replayed: %(reason)s") % {"reason": reason}

        return many(self, request, rows[:REPLAYS_MAX], act="replay", title=_("Replay webhooks"), do=do)


@admin.register(Reconciliation)
class ReconciliationAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """What the nightly comparison with Stripe found."""

    list_display = ("until", "livemode", "found", "created_at")
    ordering = ("-created_at",)
    fields = readonly_fields = ("since", "until", "livemode", "counts", "differences", "created_at")

    @admin.display(description=gettext_lazy("Differences"))
    def found(self, row: Reconciliation) -> int:
        """How many."""
        return len(row.differences)
