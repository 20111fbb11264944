"""The mail that tells of a budget: to the admins, and to whom it is about. Written once, by who claims the alert."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.billing.models import Budget, BudgetAlert, BudgetScope
from apps.billing.standing import period_end
from apps.billing.subjects import budget_title
from apps.common.tenancy import scope, unscoped
from apps.workspaces.mails import mails_write
from apps.workspaces.models import ApiToken, Membership, Role, Workspace

log = structlog.get_logger(__name__)
# An alert whose message was lost is found after the first, and is no news any more after the second.
LOST_AFTER = timedelta(seconds=60)
OLD_AFTER = timedelta(days=1)


def alerts_lost() -> list[UUID]:
    """Alerts that nobody has claimed, though their message should have come long ago."""
    now = timezone.now()
    with unscoped("a sweep looks at every workspace"):
        rows = BudgetAlert.objects.filter(
            claimed_at=None, created_at__lt=now - LOST_AFTER, created_at__gt=now - OLD_AFTER
        )
        return list(rows.order_by("created_at").values_list("id", flat=True)[:100])


def alert_refused(workspace_id: UUID, budget_id: UUID, period_start: date, subject: str, used: int) -> UUID | None:
    """Note that a budget refused something; the alert's id the first time in its period, else None."""
    with scope(workspace_id):
        budget = Budget.objects.filter(id=budget_id, removed_at=None).first()
        if budget is None:
            return None
        place = {"budget": budget, "period_start": period_start, "subject": subject, "percent": 100}
        facts = {"workspace_id": workspace_id, "used": used, "limit": budget.limit, "refused": True}
        alert, made = BudgetAlert.objects.get_or_create(**place, defaults=facts)
        return alert.id if made else None


def alert_send(alert_id: UUID) -> None:
    """Write the mails of one alert, unless somebody has."""
    with unscoped("the alert's id is what tells the workspace"), transaction.atomic():
        rows = BudgetAlert.objects.filter(id=alert_id)
        if not rows.filter(claimed_at=None).update(claimed_at=timezone.now()):
            return
        alert = rows.select_related("budget", "workspace").get()
        people = recipients(alert.budget)
        subject, body = _text(alert)
        addresses = [person.email for person in people]
        event = f"budget {alert.id}"
        mails_write(workspace_id=alert.workspace_id, event=event, addresses=addresses, subject=subject, body=body)
    log.info("alert told", action="alert_send", alert=str(alert_id), budget=str(alert.budget_id), mails=len(people))


def admins(workspace_id: UUID) -> list[User]:
    """Who can raise a budget, the longest in the workspace first."""
    members = Membership.objects.filter(workspace_id=workspace_id, role__in=[Role.ADMIN, Role.OWNER])
    return [one.user for one in members.filter(user__is_active=True).select_related("user").order_by("created_at")]


def recipients(budget: Budget) -> list[User]:
    """The admins, and the member or the token's maker whom the budget is about, while they are members."""
    people = {person.id: person for person in admins(budget.workspace_id)}
    concerned = budget.target_id if budget.scope == BudgetScope.MEMBER else None
    if budget.scope == BudgetScope.TOKEN:
        tokens = ApiToken.objects.for_workspace(budget.workspace_id).filter(id=budget.target_id)
        concerned = tokens.values_list("created_by_id", flat=True).first()
    if concerned is not None:
        members = Membership.objects.filter(workspace_id=budget.workspace_id, user_id=concerned, user__is_active=True)
        people |= {one.user_id: one.user for one in members.select_related("user")}
    return list(people.values())


def _text(alert: BudgetAlert) -> tuple[str, str]:
    """Subject and text in the site's language: nobody has told us another one."""
    budget, workspace = alert.budget, alert.workspace
    context = {
        "alert": alert,
        "title": budget_title(budget),
        "workspace": workspace,
        "left": max(0, alert.limit - alert.used),
        "renews": period_end(budget.period, alert.created_at),
        "link": _link(workspace),
    }
    subject = render_to_string("billing/mail/alert_subject.txt", context)
    return subject, render_to_string("billing/mail/alert_message.txt", context)


def _link(workspace: Workspace) -> str:
    return f"{settings.PUBLIC_URL}{reverse('billing:budgets', args=[workspace.slug])}"
