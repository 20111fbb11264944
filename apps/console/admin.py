"""The admin site's pages: staff look across workspaces. Superusers only; the ledger is never edited, only added to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import F, Model, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from apps.accounts.models import User
from apps.billing.models import Account, AccountKind, Entry, Hold, LedgerTransaction
from apps.billing.services import ReplayMismatch, credits_grant
from apps.common.money import credits_number, credits_text
from apps.common.tenancy import unscoped
from apps.console.forms import CatalogueEntryForm, GrantForm
from apps.generations.models import AllowedAddress, CatalogueEntry
from apps.workspaces.models import Membership, Workspace


class _Readable:
    """Superusers may look; nobody adds, changes or deletes here."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        with unscoped("staff look across workspaces"):
            rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows


class _Page(_Readable):
    """A page of its own, inlines and all: the forms of inlines ask the default manager while they are drawn."""

    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        with unscoped("staff look across workspaces"):
            response: HttpResponse = super().changeform_view(*args, **kwargs)  # type: ignore[misc]
            return response.render() if isinstance(response, TemplateResponse) else response


class MembershipInline(_Readable, TabularInline):  # type: ignore[misc]
    model = Membership
    fields = readonly_fields = ("user", "role", "created_at")
    extra = 0


class EntryInline(_Readable, TabularInline):  # type: ignore[misc]
    model = Entry
    fields = readonly_fields = ("account", "amount", "seq", "balance_after")
    extra = 0


@admin.register(Workspace)
class WorkspaceAdmin(_Page, ModelAdmin):  # type: ignore[misc]
    """Workspaces with their balances; credits are granted from a workspace's page."""

    list_display = ("name", "slug", "balance", "held", "created_at")
    search_fields = ("name", "slug", "memberships__user__email")
    ordering = ("-created_at",)
    fields = ("name", "slug", "balance", "held", "created_at")
    inlines = (MembershipInline,)
    actions_detail = ("grant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the wallet's figures."""
        with unscoped("staff look across workspaces"):
            wallet = Account.objects.filter(workspace=OuterRef("id"), kind=AccountKind.WALLET)
        figures = {"wallet_posted": Subquery(wallet.values("posted")), "wallet_held": Subquery(wallet.values("held"))}
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

    def has_grant_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the button shows and works."""
        return self.has_module_permission(request)

    @action(description=gettext_lazy("Grant credits"), url_path="grant", permissions=["grant"], icon="payments")  # type: ignore[untyped-decorator]
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for amount and reason; then grant, with who did it."""
        workspace = self.get_object(request, object_id)
        if workspace is None:
            raise Http404
        form = GrantForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._granted(request, workspace, form):
            return redirect("admin:workspaces_workspace_change", workspace.pk)
        context = {**self.admin_site.each_context(request), "form": form, "workspace": workspace, "opts": self.opts}
        context["title"] = _("Grant credits to %(workspace)s") % {"workspace": workspace.name}
        return render(request, "console/grant.html", context, status=422 if form.errors else 200)

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


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(_Page, ModelAdmin):  # type: ignore[misc]
    """What happened, with its entries."""

    list_display = ("created_at", "workspace", "kind", "description", "actor")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("description", "source_id", "workspace__slug")
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    inlines = (EntryInline,)

    @admin.display(description=gettext_lazy("By"))
    def actor(self, made: LedgerTransaction) -> str:
        """The person's address; "" when the system did it or they are gone."""
        if made.actor_id is None:
            return ""
        return User.objects.filter(id=made.actor_id).values_list("email", flat=True).first() or str(made.actor_id)


@admin.register(Account)
class AccountAdmin(_Page, ModelAdmin):  # type: ignore[misc]
    """Wallets and our own accounts, in micro-credits."""

    list_display = ("id", "kind", "workspace", "posted", "held", "last_seq")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug", "workspace__name")


@admin.register(Hold)
class HoldAdmin(_Page, ModelAdmin):  # type: ignore[misc]
    """What is and was set aside, in micro-credits."""

    list_display = ("created_at", "workspace", "state", "amount", "captured", "description")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    search_fields = ("id", "run_id", "workspace__slug")
    ordering = ("-created_at", "-id")
    show_full_result_count = False


class _Kept(_Readable):
    """Superusers keep these up to date."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super(_Readable, self).get_queryset(request)  # type: ignore[misc]
        return rows


@admin.register(AllowedAddress)
class AllowedAddressAdmin(_Kept, ModelAdmin):  # type: ignore[misc]
    """Where Ollama and ComfyUI servers of customers may be."""

    list_display = ("provider", "base_url", "note", "created_at")
    list_filter = ("provider",)


@admin.register(CatalogueEntry)
class CatalogueEntryAdmin(_Kept, ModelAdmin):  # type: ignore[misc]
    """Models, their parameters and prices: a new version is laid over the one before."""

    form = CatalogueEntryForm
    list_display = ("model", "version", "active", "note", "changed_at", "created_by")
    list_filter = ("active",)
    search_fields = ("model", "note")
    readonly_fields = ("created_by", "changed_at")

    def save_model(self, request: HttpRequest, obj: CatalogueEntry, form: Any, change: bool) -> None:
        """Note who wrote it."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
