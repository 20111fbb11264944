"""Paid calls of all workspaces, the stuck ones first: ask the provider, cancel, or give up what is unclear."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.common.money import credits_number
from apps.common.tenancy import scope
from apps.console.admin.base import ById, Page, credits_column, many
from apps.console.admin.runs import LookFilter
from apps.generations.models import LIVE, POLLED, Generation, GenerationState
from apps.generations.services import GenerationNotUnclear, generation_cancel, generation_give_up, generation_look

# A call that has not been sent after so long waits for more than its turn.
UNSENT = timedelta(minutes=5)


def stuck() -> Q:
    """Unclear, past its deadline, or not sent for minutes."""
    now = timezone.now()
    unsent = Q(state__in=[GenerationState.PREPARED, GenerationState.SUBMITTING], created_at__lt=now - UNSENT)
    return Q(state__in=LIVE) & (Q(state=GenerationState.UNKNOWN) | Q(deadline_at__lt=now) | unsent)


class GenerationFilter(LookFilter):
    stuck = staticmethod(stuck)
    live = LIVE


@admin.register(Generation)
class GenerationAdmin(ById, Page, ModelAdmin):  # type: ignore[misc]
    """What hangs at a provider, and what it holds."""

    list_display = ("id", "workspace", "model", "state", "trouble", "held", "deadline_at", "created_at")
    list_filter = (GenerationFilter,)
    list_select_related = ("workspace",)
    found_by = ("id", "run_id", "workspace_id")
    ordering = ("-id",)
    fields = readonly_fields = (
        "id", "workspace", "provider", "model", "state", "trouble", "error_code", "error", "error_detail", "run_id",
        "provider_request_id", "tries", "polls", "highest", "spent", "latency_ms", "deadline_at", "poll_after",
        "created_at", "submitted_at", "settled_at",
    )  # fmt: skip
    actions = ("look", "cancel", "give_up")
    audit = {"look": "generation_look", "cancel": "generation_cancel", "give_up": "staff_reason"}

    spent = credits_column("cost", gettext_lazy("Cost"))
    highest = credits_column("price_high", gettext_lazy("Highest price"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without what was asked, which may be long."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("params", "inputs", "prompt", "outputs", "text", "request_digest")

    @admin.display(description=gettext_lazy("Held"))
    def held(self, row: Generation) -> str:
        """In credits; "" where nothing is."""
        return credits_number(row.price_high) if row.is_live else ""

    @admin.display(description=gettext_lazy("Trouble"))
    def trouble(self, row: Generation) -> str:
        """What is wrong, in words; "" for what goes on."""
        now = timezone.now()
        if not row.is_live:
            return ""
        if row.state == GenerationState.UNKNOWN:
            return _("The provider's answer was lost")
        if row.deadline_at < now:
            return _("Past its deadline")
        waits = row.state in (GenerationState.PREPARED, GenerationState.SUBMITTING)
        return _("Not sent yet") if waits and row.created_at < now - UNSENT else ""

    @admin.action(description=gettext_lazy("Ask the provider now"), permissions=["act"])
    def look(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """What the next poll would do, at once."""

        def do(row: Generation, reason: str) -> str:
            if row.state not in POLLED:
                raise ValueError(_("Only what was sent and is not over can be asked for."))
            with scope(row.workspace_id):
                generation_look(generation=row)
            return _("Provider asked: %(reason)s") % {"reason": reason}

        return many(self, request, rows, act="look", title=_("Ask the provider now"), do=do)

    @admin.action(description=gettext_lazy("Cancel"), permissions=["act"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """At once where nothing was sent, else by asking the provider."""

        def do(row: Generation, reason: str) -> str:
            if not row.is_live:
                raise ValueError(_("It is over already."))
            with scope(row.workspace_id):
                generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)
            return _("Cancelled: %(reason)s") % {"reason": reason}

        return many(self, request, rows, act="cancel", title=_("Cancel paid calls"), do=do)

    @admin.action(description=gettext_lazy("Give up and release the credits"), permissions=["act"])
    def give_up(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """Only what is unclear: it counts as failed, and the hold goes back."""

        def do(row: Generation, reason: str) -> str:
            try:
                with scope(row.workspace_id):
                    generation_give_up(workspace_id=row.workspace_id, generation_id=row.id)
            except GenerationNotUnclear as error:
                raise ValueError(_("Only a call whose answer was lost can be given up.")) from error
            return _("Given up: %(reason)s") % {"reason": reason}

        return many(self, request, rows, act="give_up", title=_("Give up and release the credits"), do=do)
