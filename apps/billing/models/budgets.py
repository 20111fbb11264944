"""Budgets, what was spent by whom on which day, and the alerts that went out.

A budget is a limit over facts kept elsewhere: what was spent is summed from ``Spending``, what is held from the open
holds. So nothing has to be counted anew when a budget is made, changed or paused, and a new period begins by itself.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.ledger import AMOUNT_MAX
from apps.common.models import TenantModel, TenantRow


class BudgetScope(models.TextChoices):
    """Whose spending a budget limits. ``run`` is each run by itself, over its whole life."""

    WORKSPACE = "workspace", _("Whole workspace")
    PROJECT = "project", _("Project")
    MEMBER = "member", _("Member")
    WORKFLOW = "workflow", _("Workflow")
    TOKEN = "token", _("API token")
    RUN = "run", _("Each run")


# Those that are about one project, member, workflow or token.
TARGETED = [BudgetScope.PROJECT, BudgetScope.MEMBER, BudgetScope.WORKFLOW, BudgetScope.TOKEN]


class BudgetPeriod(models.TextChoices):
    """How long a limit lasts, in UTC. ``total`` never begins anew."""

    DAY = "day", _("Day")
    MONTH = "month", _("Calendar month")
    TOTAL = "total", _("No end")


class Budget(TenantModel):
    """A limit in micro-credits. Spending is refused before it would pass it; ``alerts`` are percentages to tell of.

    ``target_id`` is a plain id: the budget outlives what it names, and some of that lives above this app.
    ``removed_at``: it counts no more, and can be brought back.
    """

    ALERTS: ClassVar[list[int]] = [50, 80, 100]

    scope = models.CharField(max_length=10, choices=BudgetScope.choices)
    target_id = models.UUIDField(null=True)
    period = models.CharField(max_length=10, choices=BudgetPeriod.choices)
    limit = models.BigIntegerField()
    alerts = ArrayField(models.PositiveSmallIntegerField(), default=list)
    active = models.BooleanField(default=True)
    created_by_id = models.UUIDField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "scope", "target_id", "period"],
                condition=Q(removed_at__isnull=True),
                nulls_distinct=False,
                name="billing_budget_once",
            ),
            models.CheckConstraint(condition=Q(limit__gte=1, limit__lte=AMOUNT_MAX), name="billing_budget_limit"),
            models.CheckConstraint(condition=Q(scope__in=BudgetScope.values), name="billing_budget_scope"),
            models.CheckConstraint(condition=Q(period__in=BudgetPeriod.values), name="billing_budget_period"),
            models.CheckConstraint(
                condition=Q(scope__in=[scope.value for scope in TARGETED], target_id__isnull=False)
                | Q(scope__in=["workspace", "run"], target_id__isnull=True),
                name="billing_budget_target",
            ),
            models.CheckConstraint(condition=~Q(scope="run") | Q(period="total"), name="billing_budget_run_total"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.target_id or ''} {self.period} {self.limit}"


class SpendingKind(models.TextChoices):
    """By what spending is told apart. Each kind but ``run`` adds up to the whole."""

    WORKSPACE = "workspace", _("Workspace")
    PROJECT = "project", _("Project")
    MEMBER = "member", _("Member")
    MODEL = "model", _("Model")
    WORKFLOW = "workflow", _("Workflow")
    TOKEN = "token", _("API token")
    RUN = "run", _("Run")


class Spending(TenantRow):
    """Micro-credits charged to one subject on one day (UTC), kept with each capture under the wallet's lock.

    ``subject`` is an id or a model's name; "" is the workspace itself, and what belongs to no project, member, ….
    ``ledger_audit`` recomputes it.
    """

    pk = models.CompositePrimaryKey("workspace", "kind", "subject", "day")
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=10, choices=SpendingKind.choices)
    subject = models.CharField(max_length=120)
    day = models.DateField()
    amount = models.BigIntegerField()
    charges = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.day} {self.amount}"


class BudgetAlert(TenantModel):
    """A percentage of a budget that was reached, once per period. The row comes first; who claims it writes the mails.

    ``period_start`` is the first day of the period; for a budget without end its beginning of time, 1970-01-01.
    ``subject`` is the run, of a budget for each run.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts_sent", db_constraint=False)
    period_start = models.DateField()
    subject = models.CharField(max_length=40, blank=True, default="")
    percent = models.PositiveSmallIntegerField()
    used = models.BigIntegerField()
    limit = models.BigIntegerField()
    # A refusal: the limit was not reached, but what was asked for would have passed it.
    refused = models.BooleanField(default=False)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "period_start", "subject", "percent"], name="billing_budget_alert_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(claimed_at__isnull=True), name="billing_budget_alert_unsent"
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.budget_id}"
