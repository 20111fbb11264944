"""What there is to spend and what it went to. Every member may look."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.billing.budget_list import budget_rows
from apps.billing.forms import LineFilterForm
from apps.billing.fragments import balance_render
from apps.billing.services import balance_get
from apps.billing.statement import ORDER, csv_rows, disputed, holds_open, lines, lines_told, lots_open, spent_lately
from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

PAGE = 50


@require_GET
@member_required(role=Role.VIEWER)
def ledger(request: MemberRequest) -> HttpResponse:
    """The balance and the first page of the ledger; with ``?cursor=`` the next page's rows."""
    form = LineFilterForm(request.GET)
    context = _page(request, form)
    if request.htmx and request.GET.get("cursor"):
        return render(request, "billing/ledger.html#rows", context)
    workspace_id = request.workspace.id
    context |= {
        "balance": balance_get(workspace_id=workspace_id),
        "spent": spent_lately(workspace_id, timezone.now()),
        "holds": holds_open(workspace_id),
        "lots": lots_open(workspace_id),
        "disputed": disputed(workspace_id),
        "budgets": [row for row in budget_rows(workspace_id, timezone.now()) if row.state in ("near", "full")],
    }
    return render(request, "billing/ledger.html", context)


@require_GET
@never_cache
@member_required(role=Role.VIEWER)
def balance(request: MemberRequest) -> HttpResponse:
    """The fragment for the top bar."""
    return HttpResponse(balance_render(request.workspace))


@require_GET
@member_required(role=Role.VIEWER)
def ledger_csv(request: MemberRequest) -> StreamingHttpResponse | HttpResponseRedirect:
    """Every line that the same filters show, as CSV; back to the page where a filter is wrong, which says so."""
    form = LineFilterForm(request.GET)
    if not form.is_valid():
        page = reverse("billing:ledger", args=[request.workspace.slug])
        return HttpResponseRedirect(f"{page}?{request.GET.urlencode()}")
    rows = csv_rows(request.workspace, form.chosen())
    return csv_response(rows, f"millrace-{request.workspace.slug}")


def csv_response(rows: Iterator[list[str]], name: str) -> StreamingHttpResponse:
    """A table as a file named for today."""
    filename = f"{name}-{timezone.localdate().isoformat()}.csv"
    return StreamingHttpResponse(
        _csv(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def _page(request: MemberRequest, form: LineFilterForm) -> dict[str, Any]:
    rows = lines(request.workspace.id, form.chosen())
    try:
        found, following = keyset_page(rows, limit=PAGE, cursor=request.GET.get("cursor"), order=ORDER)
    except Problem as problem:
        raise Http404 from problem
    told = lines_told(request.workspace.id, found)
    return {"form": form, "lines": told, "next": following, "filtered": any(form.cleaned_data.values())}


class _Echo:
    """csv wants a file to write to; this one hands the line back."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterator[list[str]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"  # without it Excel reads UTF-8 as Latin-1
    for row in rows:
        yield writer.writerow(row)
