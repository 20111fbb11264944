"""The ledger: read, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline

from apps.accounts.models import User
from apps.billing.models import Account, Entry, Hold, LedgerTransaction
from apps.common.money import credits_number
from apps.console.admin.base import ById, Page, Readable, credits_column


class EntryInline(Readable, TabularInline):  # type: ignore[misc]
    model = Entry
    fields = readonly_fields = ("account", "credits", "seq", "balance")
    extra = 0
    hide_title = True

    credits = credits_column("amount", gettext_lazy("Credits"))

    @admin.display(description=gettext_lazy("Balance after it"))
    def balance(self, entry: Entry) -> str:
        """In credits; "" for accounts of ours, which keep none."""
        return "" if entry.balance_after is None else credits_number(entry.balance_after)


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """What happened, with its entries."""

    list_display = ("created_at", "workspace", "kind", "description", "actor")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("description", "source_id", "workspace__slug")
    ordering = ("-id",)
    inlines = (EntryInline,)
    fields = readonly_fields = (
        "id", "created_at", "workspace", "kind", "description", "actor", "model", "source", "source_id", "token_id",
        "run_id", "workflow_id", "project_id", "generation_id",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("Done by"))
    def actor(self, made: LedgerTransaction) -> str:
        """The person's address; "" when the system did it or they are gone."""
        if made.actor_id is None:
            return ""
        return User.objects.filter(id=made.actor_id).values_list("email", flat=True).first() or str(made.actor_id)


@admin.register(Account)
class AccountAdmin(Page, ModelAdmin):  # type: ignore[misc]
    """Wallets and our own accounts."""

    list_display = ("id", "kind", "workspace", "balance", "set_aside", "last_seq")
    fields = readonly_fields = (
        "id", "kind", "workspace", "balance", "set_aside", "lacking", "last_seq", "budgeted", "created_at",
    )  # fmt: skip
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug", "workspace__name")

    balance = credits_column("posted", gettext_lazy("Balance"))
    set_aside = credits_column("held", gettext_lazy("Held"))
    lacking = credits_column("owed", gettext_lazy("Owed"))


@admin.register(Hold)
class HoldAdmin(ById, Page, ModelAdmin):  # type: ignore[misc]
    """What is and was set aside."""

    list_display = ("created_at", "workspace", "state", "set_aside", "charged", "description")
    fields = readonly_fields = (
        "id", "workspace", "account", "parent", "state", "set_aside", "charged", "description", "actor_id", "model",
        "token_id", "run_id", "workflow_id", "project_id", "generation_id", "created_at", "settled_at",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("workspace",)
    found_by = ("id", "run_id", "workspace_id")
    ordering = ("-id",)

    set_aside = credits_column("amount", gettext_lazy("Amount"))
    charged = credits_column("captured", gettext_lazy("Charged"))
