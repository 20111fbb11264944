"""Runs of all workspaces, the stuck ones first: wake them, or end them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.common.tenancy import scope
from apps.console.admin.base import ById, Page, credits_column, many
from apps.runs.models import RUN_LIVE, Run, RunState
from apps.runs.services import run_cancel, run_wake

# The sweepers wake what is quiet within half a minute; whatever is quiet for longer they could not help.
QUIET = timedelta(minutes=2)


def stuck() -> Q:
    """Not finished, and quiet though there is something to do."""
    before = timezone.now() - QUIET
    driven = Q(state__in=[RunState.PENDING, RunState.RUNNING], touched_at__lt=before)
    rang = Q(state=RunState.WAITING, wake_at__lt=before)
    unheard = Q(state__in=RUN_LIVE, cancel_requested_at__lt=before, finished_at=None)
    return driven | rang | unheard


class LookFilter(admin.SimpleListFilter):
    """Those that need somebody, unless more is asked for."""

    title = gettext_lazy("Which")
    parameter_name = "look"
    stuck: Any = None
    live: tuple[Any, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("stuck", _("Stuck")), ("live", _("Under way")), ("all", _("All"))]

    def value(self) -> str:
        return super().value() or "stuck"

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        for name, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name})
            yield {"selected": self.value() == name, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all" or request.GET.get("q"):  # who searches looks for that one
            return queryset
        return queryset.filter(type(self).stuck() if self.value() == "stuck" else Q(state__in=self.live))


class RunFilter(LookFilter):
    stuck = staticmethod(stuck)
    live = tuple(RUN_LIVE)


@admin.register(Run)
class RunAdmin(ById, Page, ModelAdmin):  # type: ignore[misc]
    """What does not go on, and why."""

    list_display = ("id", "workspace", "workflow", "state", "trouble", "touched_at", "created_at")
    list_filter = (RunFilter,)
    list_select_related = ("workspace", "workflow")
    found_by = ("id", "workflow_id", "workspace_id")
    ordering = ("-id",)
    fields = readonly_fields = (
        "id", "workspace", "workflow", "actor", "state", "trouble", "failure", "spent", "highest", "touched_at",
        "wake_at", "lease_until", "cancel_requested_at", "created_at", "started_at", "finished_at",
    )  # fmt: skip
    actions = ("wake", "cancel")
    audit = {"wake": "run_wake", "cancel": "staff_reason"}

    spent = credits_column("cost", gettext_lazy("Cost"))
    highest = credits_column("price_high", gettext_lazy("Highest price"))

    @admin.display(description=gettext_lazy("What went wrong"))
    def failure(self, run: Run) -> str:
        """As it is kept; "" where nothing did."""
        return json.dumps(run.error, ensure_ascii=False) if run.error else ""

    @admin.display(description=gettext_lazy("Trouble"))
    def trouble(self, run: Run) -> str:
        """What is wrong, in words; "" for what goes on."""
        before = timezone.now() - QUIET
        if run.state not in RUN_LIVE:
            return ""
        if run.cancel_requested_at and run.cancel_requested_at < before:
            return _("Was asked to end, and has not")
        if run.state == RunState.WAITING:
            return _("Its timer rang, and nobody came") if run.wake_at and run.wake_at < before else ""
        return _("Nobody has driven it for minutes") if run.touched_at < before else ""

    @admin.action(description=gettext_lazy("Wake"), permissions=["act"])
    def wake(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """Have drivers look now."""

        def do(run: Run, reason: str) -> str:
            with scope(run.workspace_id):
                run_wake(run=run)
            return _("Woken: %(reason)s") % {"reason": reason}

        return many(self, request, rows, act="wake", title=_("Wake runs"), do=do)

    @admin.action(description=gettext_lazy("Cancel"), permissions=["act"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """Ask them to end; what was not used is given back."""

        def do(run: Run, reason: str) -> str:
            with scope(run.workspace_id):
                if run.state not in RUN_LIVE:
                    raise ValueError(_("It is over already."))
                run_cancel(run=run)
            return _("Cancelled: %(reason)s") % {"reason": reason}

        return many(self, request, rows, act="cancel", title=_("Cancel runs"), do=do)
