"""What credits went to, by day and by whom or what. Every member may look."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.billing.budget_forms import UsageForm
from apps.billing.usage import BY, ROWS, UsageRow, usage_csv_rows, usage_get
from apps.billing.usage_chart import HEIGHT, WIDTH, usage_chart
from apps.billing.views import csv_response
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role


@require_GET
@member_required(role=Role.VIEWER)
def usage(request: MemberRequest) -> HttpResponse:
    """Bars by day, and a table of the same."""
    form = UsageForm(request.GET)
    form.is_valid()
    found = usage_get(request.workspace.id, form.by_chosen(), form.range())
    rest = found.rows[ROWS:]
    context = {
        "form": form,
        "usage": found,
        "rows": found.rows[:ROWS],
        "rest": UsageRow("", "", sum(row.amount for row in rest), sum(row.charges for row in rest)) if rest else None,
        "chart": usage_chart(found),
        "width": WIDTH,
        "height": HEIGHT,
        "choices": BY.items(),
        "presets": [7, 30, 90],
        "chosen": form.preset(),
    }
    return render(request, "billing/usage.html", context, status=422 if form.errors else 200)


@require_GET
@member_required(role=Role.VIEWER)
def usage_csv(request: MemberRequest) -> StreamingHttpResponse:
    """The same days, each with each of its subjects."""
    form = UsageForm(request.GET)
    form.is_valid()
    rows = usage_csv_rows(request.workspace.id, form.by_chosen(), form.range())
    return csv_response(rows, f"millrace-{request.workspace.slug}-usage-{form.by_chosen()}")
