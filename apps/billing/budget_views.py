"""Budgets: how they stand, for every member to see; admins make and change them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.billing import budgets as door
from apps.billing.budget_forms import BudgetForm, LimitForm, limit_initial
from apps.billing.budget_list import budget_rows
from apps.billing.models import Budget
from apps.billing.statement import limit_suggested
from apps.billing.subjects import budget_title
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role


@require_GET
@member_required(role=Role.VIEWER)
def budgets(request: MemberRequest) -> HttpResponse:
    """Every budget with its bar."""
    return _page(request)


@require_POST
@member_required(role=Role.ADMIN)
def budget_create(request: MemberRequest) -> HttpResponse:
    """Make a budget; it holds at once."""
    form = BudgetForm(request.workspace.id, request.POST)
    if form.is_valid():
        try:
            made = door.budget_create(workspace_id=request.workspace.id, actor_id=request.user.id, **form.values())
        except door.BudgetInvalid as error:
            form.add_error("about" if error.field in ("target", "scope") else error.field or None, str(error))
        else:
            messages.success(request, _("“%(budget)s” holds from now on.") % {"budget": budget_title(made)})
            return _back(request)
    return _page(request, new=form)


@require_POST
@member_required(role=Role.ADMIN)
def budget_update(request: MemberRequest, budget: UUID) -> HttpResponse:
    """Another limit, other percentages."""
    form = LimitForm(request.POST, auto_id=f"{budget}_%s")
    if not form.is_valid():
        return _page(request, changed=(budget, form))
    _change(request, budget, limit=form.micro(), alerts=form.cleaned_data["alerts"])
    messages.success(request, _("The budget was changed."))
    return _back(request)


@require_POST
@member_required(role=Role.ADMIN)
def budget_pause(request: MemberRequest, budget: UUID) -> HttpResponse:
    """Hold nobody back until it is resumed."""
    _change(request, budget, active=False)
    return _back(request)


@require_POST
@member_required(role=Role.ADMIN)
def budget_resume(request: MemberRequest, budget: UUID) -> HttpResponse:
    """Hold again, with what was spent meanwhile."""
    _change(request, budget, active=True)
    return _back(request)


@require_POST
@member_required(role=Role.ADMIN)
def budget_remove(request: MemberRequest, budget: UUID) -> HttpResponse:
    """Take it away; the page offers the way back."""
    try:
        door.budget_remove(workspace_id=request.workspace.id, budget_id=budget)
    except door.BudgetMissing as error:
        raise Http404 from error
    url = reverse("billing:budgets", args=[request.workspace.slug])
    return redirect(f"{url}?{urlencode({'removed': budget})}")


@require_POST
@member_required(role=Role.ADMIN)
def budget_restore(request: MemberRequest, budget: UUID) -> HttpResponse:
    """Bring back what was removed."""
    try:
        door.budget_restore(workspace_id=request.workspace.id, budget_id=budget)
    except door.BudgetMissing as error:
        raise Http404 from error
    except door.BudgetExists as error:
        messages.error(request, str(error))
    return _back(request)


def _change(request: MemberRequest, budget: UUID, **fields: Any) -> None:
    try:
        door.budget_update(workspace_id=request.workspace.id, budget_id=budget, **fields)
    except door.BudgetMissing as error:
        raise Http404 from error


def _back(request: MemberRequest) -> HttpResponse:
    return redirect("billing:budgets", request.workspace.slug)


def _page(
    request: MemberRequest, *, new: BudgetForm | None = None, changed: tuple[UUID, LimitForm] | None = None
) -> HttpResponse:
    """The list; a form that was refused stands open in it, with what was typed."""
    workspace_id, now = request.workspace.id, timezone.now()
    admin = request.role.includes(Role.ADMIN)
    rows = budget_rows(workspace_id, now)
    refused_id, refused = changed or (None, None)
    if refused_id is not None and refused_id not in [row.budget.id for row in rows]:
        raise Http404
    context = {
        "admin": admin,
        "rows": [(row, _form(row.budget, refused if row.budget.id == refused_id else None)) for row in rows],
        "refused": refused_id,
        "new": new or (_new_form(request) if admin else None),
        "new_refused": new is not None,
        **_removed(request),
    }
    return render(request, "billing/budgets.html", context, status=422 if new or changed else 200)


def _form(budget: Budget, refused: LimitForm | None) -> LimitForm:
    return refused or LimitForm(initial=limit_initial(budget), auto_id=f"{budget.id}_%s")


def _new_form(request: MemberRequest) -> BudgetForm:
    suggested = limit_suggested(request.workspace.id, timezone.now())
    initial = {"about": "workspace", "period": "month", "limit": suggested, "alerts": "50, 80, 100"}
    return BudgetForm(request.workspace.id, initial={**initial, "about": request.GET.get("about", "workspace")})


def _removed(request: MemberRequest) -> dict[str, Any]:
    """What was just taken away, to offer its way back."""
    try:
        removed = UUID(request.GET.get("removed", ""))
    except ValueError:
        return {}
    budget: Budget | None = Budget.objects.filter(id=removed, removed_at__isnull=False).first()
    return {} if budget is None else {"removed": budget, "removed_title": budget_title(budget)}
