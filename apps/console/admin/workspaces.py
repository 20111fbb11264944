"""Workspaces: what they have and who is in them; credits are granted and plans set here, never balances."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from apps.billing.models import Account, AccountKind
from apps.billing.services import InsufficientCredits, ReplayMismatch, credits_correct, credits_grant
from apps.common.money import credits_number, credits_text
from apps.common.tenancy import unscoped
from apps.console.admin.base import WHY, Page, Readable, act_form
from apps.console.forms import CorrectForm, GrantForm, PlanForm
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import PlanName
from apps.workspaces.services import workspace_plan_set


class MembershipInline(Readable, TabularInline):  # type: ignore[misc]
    model = Membership
    fields = readonly_fields = ("user", "role", "created_at", "last_opened_at")
    extra = 0
    hide_title = True


@admin.register(Workspace)
class WorkspaceAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """Workspaces with their plan, balance, members and last activity."""

    list_display = ("name", "slug", "plan", "balance", "held", "people", "active", "created_at")
    list_filter = ("plan",)
    search_fields = ("name", "slug", "memberships__user__email")
    ordering = ("-created_at",)
    fields = ("name", "slug", "plan", "balance", "held", "people", "active", "created_at")
    inlines = (MembershipInline,)
    actions_detail = ("grant", "correct", "set_plan")
    sortable_by = ("name", "slug", "plan", "balance", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the wallet's figures and the members'."""
        with unscoped(WHY):
            wallet = Account.objects.filter(workspace=OuterRef("id"), kind=AccountKind.WALLET)
        members = Membership.objects.filter(workspace=OuterRef("id")).order_by().values("workspace")
        figures = {
            "wallet_posted": Subquery(wallet.values("posted")),
            "wallet_held": Subquery(wallet.values("held")),
            "member_count": Coalesce(Subquery(members.annotate(count=Count("id")).values("count")), 0),
            "active_at": Subquery(members.annotate(last=Max("last_opened_at")).values("last")),
        }
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**figures)
        return rows

    @admin.display(description=gettext_lazy("Balance"), ordering=F("wallet_posted").desc(nulls_last=True))
    def balance(self, workspace: Any) -> str:
        """In credits."""
        return credits_number(workspace.wallet_posted or 0)

    @admin.display(description=gettext_lazy("Held"), ordering="wallet_held")
    def held(self, workspace: Any) -> str:
        """In credits."""
        return credits_number(workspace.wallet_held or 0)

    @admin.display(description=gettext_lazy("Members"), ordering="member_count")
    def people(self, workspace: Any) -> int:
        """How many."""
        return int(workspace.member_count)

    @admin.display(description=gettext_lazy("Last activity"), ordering=F("active_at").desc(nulls_last=True))
    def active(self, workspace: Any) -> Any:
        """When somebody last opened it."""
        return workspace.active_at and date_format(timezone.localtime(workspace.active_at), "DATETIME_FORMAT")

    @action(description=gettext_lazy("Grant credits"), url_path="grant", permissions=["act"], icon="payments")  # type: ignore[untyped-decorator]
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for amount and reason; then grant, with who did it."""
        workspace = self._workspace(request, object_id)
        form = GrantForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._granted(request, workspace, form):
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        title = _("Grant credits to %(workspace)s") % {"workspace": workspace.name}
        return act_form(self, request, form=form, title=title, does=_("Grant credits"), back="../change/", more={})

    @action(description=gettext_lazy("Correct credits"), url_path="correct", permissions=["act"], icon="balance")  # type: ignore[untyped-decorator]
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a signed amount and a reason; then put the wallet right."""
        workspace = self._workspace(request, object_id)
        form = CorrectForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._corrected(request, workspace, form):
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        title = _("Correct the credits of %(workspace)s") % {"workspace": workspace.name}
        return act_form(self, request, form=form, title=title, does=_("Correct credits"), back="../change/", more={})

    def _corrected(self, request: HttpRequest, workspace: Workspace, form: CorrectForm) -> bool:
        reason, once, staff = form.cleaned_data["reason"], str(form.cleaned_data["once"]), request.user.pk
        assert staff is not None
        try:
            credits_correct(
                workspace_id=workspace.id, amount=form.micro(), reason=reason, source_id=once, actor_id=staff
            )
        except InsufficientCredits as error:
            form.add_error("amount", str(error))
            return False
        except ReplayMismatch:
            form.add_error(None, _("This form was sent before. Open it anew to correct more."))
            return False
        amount = credits_text(form.micro())
        words = _("Corrected by %(amount)s: %(reason)s") % {"amount": amount, "reason": reason}
        self.log_change(request, workspace, words)
        messages.success(request, words)
        return True

    @action(description=gettext_lazy("Set the plan"), url_path="plan", permissions=["act"], icon="workspace_premium")  # type: ignore[untyped-decorator]
    def set_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for plan and reason; then set it."""
        workspace = self._workspace(request, object_id)
        form = PlanForm(request.POST or None, initial={"plan": workspace.plan})
        if request.method == "POST" and form.is_valid():
            plan, reason = PlanName(form.cleaned_data["plan"]), form.cleaned_data["reason"]
            workspace_plan_set(workspace_id=workspace.id, plan=plan, reason=reason, actor_id=request.user.pk)
            words = _("Plan set to %(plan)s: %(reason)s") % {"plan": plan.label, "reason": reason}
            self.log_change(request, workspace, words)
            messages.success(request, words)
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        title = _("Set the plan of %(workspace)s") % {"workspace": workspace.name}
        return act_form(self, request, form=form, title=title, does=_("Set the plan"), back="../change/", more={})

    def _workspace(self, request: HttpRequest, object_id: str) -> Workspace:
        found: Workspace | None = self.get_object(request, object_id)
        if found is None:
            raise Http404
        return found

    def _granted(self, request: HttpRequest, workspace: Workspace, form: GrantForm) -> bool:
        given = form.cleaned_data
        try:
            credits_grant(
                workspace_id=workspace.id,
                amount=form.micro(),
                reason=given["reason"],
                source="console",
                source_id=str(given["once"]),
                actor_id=request.user.pk,
            )
        except ReplayMismatch:
            form.add_error(None, _("This form was sent before. Open it anew to grant more."))
            return False
        words = _("%(amount)s granted: %(reason)s") % {"amount": credits_text(form.micro()), "reason": given["reason"]}
        self.log_change(request, workspace, words)
        messages.success(request, words)
        return True
