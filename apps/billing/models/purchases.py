"""What was bought: one row per payment that was asked for, and what came of it.

Money of the outside world is integer cents of ``currency``; credits are micro-credits, as everywhere. A row says
beforehand what is owed for what; nothing is granted for a payment that does not match it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel
from apps.workspaces.plans import PlanName


class StripeCustomer(TenantModel):
    """Who a workspace is at Stripe, once in test mode and once in live mode; and the card kept for automatic top-up."""

    customer_id = models.CharField(max_length=255, unique=True)
    livemode = models.BooleanField()
    method_id = models.CharField(max_length=255, blank=True)
    method_label = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "livemode"], name="billing_customer_once")]

    def __str__(self) -> str:
        return self.customer_id


class PurchaseKind(models.TextChoices):
    """What a payment is for."""

    PACK = "pack", _("Credits")
    AUTOMATIC = "automatic", _("Automatic top-up")
    PLAN = "plan", _("Plan")  # the checkout of a subscription: it grants nothing itself
    PERIOD = "period", _("Plan credits")  # one paid month of a subscription


class PurchaseState(models.TextChoices):
    """From the moment somebody chose to buy until the money is there, or will not come."""

    OPEN = "open", _("Not paid yet")
    PROCESSING = "processing", _("Payment under way")
    PAID = "paid", _("Paid")
    FAILED = "failed", _("Payment failed")
    EXPIRED = "expired", _("Expired")
    MISMATCH = "mismatch", _("Held for review")


# Those that may still be paid.
WAITING = (PurchaseState.OPEN, PurchaseState.PROCESSING)


class Purchase(TenantModel):
    """One payment. Its id is the Idempotency-Key of what is asked of Stripe, and Stripe tells it back to us.

    ``amount`` is the price without tax and before a promotion code; ``paid`` is what was charged. ``clawed_back`` of
    ``credits`` were taken again for ``refunded`` cents (Stripe tells sums, so the order of its events is no matter)
    and for disputes that were lost; ``clawbacks`` counts those postings, so that each has an id of its own.
    """

    kind = models.CharField(max_length=10, choices=PurchaseKind.choices)
    state = models.CharField(max_length=10, choices=PurchaseState.choices, default=PurchaseState.OPEN)
    description = models.CharField(max_length=200)
    credits = models.BigIntegerField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    livemode = models.BooleanField()
    plan = models.CharField(max_length=10, choices=PlanName.choices, blank=True)
    actor_id = models.UUIDField(null=True)
    # What the buyer's client called it: the same key finds the same purchase.
    request_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 (unique where it is there)
    session_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001
    checkout_url = models.URLField(max_length=2000, blank=True)
    payment_intent_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001
    invoice_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001
    subscription_id = models.CharField(max_length=255, blank=True)
    receipt_url = models.URLField(max_length=2000, blank=True)
    invoice_url = models.URLField(max_length=2000, blank=True)
    paid = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    disputed = models.BigIntegerField(default=0)
    clawed_back = models.BigIntegerField(default=0)
    clawbacks = models.IntegerField(default=0)
    # The ledger's line that granted it: what goes back is taken from these credits first.
    topup_id = models.UUIDField(null=True)
    error = models.CharField(max_length=300, blank=True)
    paid_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PurchaseKind.values), name="billing_purchase_kind"),
            models.CheckConstraint(condition=Q(state__in=PurchaseState.values), name="billing_purchase_state"),
            models.CheckConstraint(
                condition=Q(credits__gte=0, amount__gte=0, paid__gte=0, refunded__gte=0, disputed__gte=0),
                name="billing_purchase_amounts",
            ),
            models.CheckConstraint(
                condition=Q(clawed_back__gte=0, clawed_back__lte=F("credits")), name="billing_purchase_clawed_back"
            ),
            models.UniqueConstraint(fields=["workspace", "request_key"], name="billing_purchase_request"),
            # Two ticks that see the same low balance must not both pay.
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(kind="automatic", state__in=["open", "processing"]),
                name="billing_purchase_automatic_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="billing_purchase_newest"),
            models.Index(
                fields=["looked_at"], condition=Q(state__in=["open", "processing"]), name="billing_purchase_waiting"
            ),
        ]

    def __str__(self) -> str:
        return self.description


class Dispute(TenantModel):
    """A bank's claim on a payment. While it is open its credits are frozen."""

    dispute_id = models.CharField(max_length=255, unique=True)
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT, related_name="disputes", db_constraint=False)
    amount = models.BigIntegerField()
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=60, blank=True)
    frozen = models.BigIntegerField(default=0)
    settled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.status}"


class Subscription(TenantModel):
    """A plan that is paid monthly, as Stripe told it last. What was paid for is in its ``period`` purchases."""

    subscription_id = models.CharField(max_length=255, unique=True)
    livemode = models.BooleanField()
    plan = models.CharField(max_length=10, choices=PlanName.choices)
    status = models.CharField(max_length=30)
    current_period_end = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace"], condition=Q(ended_at=None), name="billing_subscription_running"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.status}"


class TopupRule(TenantModel):
    """Buy ``credits`` with the kept card when fewer than ``threshold`` can be spent, up to ``monthly_cap`` cents.

    One purchase brings the balance above the threshold again, because ``credits`` is not smaller; so the next one is
    for another fall. Off after ``FAILURES_MAX`` failures in a row.
    """

    FAILURES_MAX = 3

    enabled = models.BooleanField(default=False)
    threshold = models.BigIntegerField()
    credits = models.BigIntegerField()
    monthly_cap = models.BigIntegerField()
    failures = models.IntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    cap_told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace"], name="billing_topup_rule_once"),
            models.CheckConstraint(
                condition=Q(threshold__gt=0, credits__gte=F("threshold"), monthly_cap__gt=0),
                name="billing_topup_rule_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.credits} below {self.threshold}"
