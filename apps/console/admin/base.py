"""What the pages of the admin site share: who may look, how much is counted, and acts that want a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common.models import scope_keep
from apps.common.money import credits_number
from apps.common.tenancy import unscoped
from apps.console.forms import ReasonForm
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Workspace

WHY = "staff look across workspaces"
# More rows than this are not counted: a page further down is found by searching.
COUNT_MAX = 2_000
# So many acts are done in one request at most.
ACTS_MAX = 200


class SomePaginator(Paginator):  # type: ignore[type-arg]  # Django's own takes none at run time
    """Counts up to ``COUNT_MAX`` rows, so that a large table costs no more than a small one."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most ``COUNT_MAX``."""
        rows = self.object_list
        with unscoped(WHY):
            return rows.order_by()[:COUNT_MAX].count() if isinstance(rows, QuerySet) else len(rows)


class ById:
    """Search by ids, whole ones, and by what a workspace is called: both are found by an index."""

    found_by: tuple[str, ...] = ("id",)
    search_fields = ("id",)
    search_help_text = gettext_lazy("An id, or the name or address of a workspace")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows with this id, else those of the workspaces that are called so."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            wanted = UUID(term)
        except ValueError:
            named = Workspace.objects.filter(Q(slug__icontains=term) | Q(name__icontains=term))
            return queryset.filter(workspace_id__in=list(named.values_list("id", flat=True)[:100])), False
        asked = Q()
        for name in self.found_by:
            asked |= Q(**{name: wanted})
        return queryset.filter(asked), False


class Readable:
    """Superusers may look; nobody adds, changes or deletes here."""

    paginator = SomePaginator
    show_full_result_count = False
    list_per_page = 50

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

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether buttons that do something show and work."""
        return self.has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        with unscoped(WHY):
            rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
            scope_keep(rows)
        return rows


def credits_column(name: str, title: Any) -> Any:
    """A column that shows an amount of micro-credits in credits."""

    @admin.display(description=title, ordering=name)
    def column(_page: Any, row: Any) -> str:
        return credits_number(getattr(row, name))

    return column


class Drawn:
    """A page of its own, inlines and all: the forms of inlines ask the default manager while they are drawn."""

    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        with unscoped(WHY):
            response: HttpResponse = super().changeform_view(*args, **kwargs)  # type: ignore[misc]
            return response.render() if isinstance(response, TemplateResponse) else response


class Page(Drawn, Readable):
    """A page that is only read."""


class Kept(Readable):
    """Superusers keep these up to date."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super(Readable, self).get_queryset(request)  # type: ignore[misc]
        return rows


def act_form(
    page: Any, request: HttpRequest, *, form: Any, title: str, does: str, back: str, more: dict[str, Any]
) -> HttpResponse:
    """The page that asks for the reason of an act before it is done; 422 where the form has mistakes."""
    context = {**page.admin_site.each_context(request), "form": form, "opts": page.opts, "title": title}
    context |= {"does": does, "back": back, **more}
    return render(request, "console/act.html", context, status=422 if form.errors else 200)


def many(
    page: Any, request: HttpRequest, rows: QuerySet[Any], *, act: str, title: str, do: Callable[[Any, str], str]
) -> HttpResponse:
    """One act on the rows that were ticked, after one reason for all. ``do(row, reason)`` does it and says what it did.

    ``act`` is the action's name in ``audit``. Each row is an act of its own: one that is refused (ValueError) is told,
    and the others are done.
    """
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    found = list(rows[:ACTS_MAX])
    if not form.is_valid():
        more = {"rows": found, "hidden": {"action": act}, "chosen": [row.pk for row in found]}
        more["checkbox"] = ACTION_CHECKBOX_NAME
        return act_form(page, request, form=form, title=title, does=title, back="", more=more)
    done, refused = _each(page, request, found, form.cleaned_data["reason"], act, do)
    if done:
        said = ngettext("%(title)s: done for %(count)s.", "%(title)s: done for %(count)s.", done)
        messages.success(request, said % {"title": title, "count": done})
    for sentence in refused[:5]:
        messages.error(request, sentence)
    return redirect(request.get_full_path())


def _each(
    page: Any, request: HttpRequest, rows: Iterable[Any], reason: str, act: str, do: Callable[[Any, str], str]
) -> tuple[int, list[str]]:
    done, refused = 0, []
    action = getattr(page, "audit", {}).get(act, "")
    for row in rows:
        try:
            # What has a workspace is told there as well; what has none may ask others, so no transaction is open.
            with transaction.atomic() if action else nullcontext():
                words = do(row, reason)
                if action:
                    after = {"reason": reason}
                    audit_record(
                        workspace_id=row.workspace_id, action=action, target=str(row), target_id=row.pk, after=after
                    )
                page.log_change(request, row, words)
        except ValueError as error:
            refused.append(_("%(row)s: %(why)s") % {"row": row, "why": error})
            continue
        done += 1
    return done, refused
