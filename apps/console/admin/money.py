"""The ledger: read, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline

from apps.accounts.models import User
from apps.billing.models import Account, Entry, Hold, LedgerTransaction
from apps.console.admin.base import ById, Page, Readable


class EntryInline(Readable, TabularInline):  # type: ignore[misc]
    model = Entry
    fields = readonly_fields = ("account", "amount", "seq", "balance_after")
    extra = 0


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """What happened, with its entries."""

    list_display = ("created_at", "workspace", "kind", "description", "actor")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("description", "source_id", "workspace__slug")
    ordering = ("-id",)
    inlines = (EntryInline,)

    @admin.display(description=gettext_lazy("By"))
    def actor(self, made: LedgerTransaction) -> str:
        """The person's address; "" when the system did it or they are gone."""
        if made.actor_id is None:
            return ""
        return User.objects.filter(id=made.actor_id).values_list("email", flat=True).first() or str(made.actor_id)


@admin.register(Account)
class AccountAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """Wallets and our own accounts, in micro-credits."""

    list_display = ("id", "kind", "workspace", "posted", "held", "last_seq")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug", "workspace__name")


@admin.register(Hold)
class HoldAdmin(ById, Page, ModelAdmin):  # type: ignore[misc]
    """What is and was set aside, in micro-credits."""

    list_display = ("created_at", "workspace", "state", "amount", "captured", "description")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    found_by = ("id", "run_id", "workspace_id")
    ordering = ("-id",)
