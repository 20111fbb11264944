"""The audit log's page and its exports, for admins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.audit import audit_record
from apps.workspaces.audit_chain import head_get
from apps.workspaces.audit_log import ORDER, entries, entry_changes, lines_csv, lines_json
from apps.workspaces.audit_words import action_words
from apps.workspaces.forms import AuditFilterForm
from apps.workspaces.models import AuditEntry, Role
from apps.workspaces.services import audit_verify as verify

PAGE = 50


@require_GET
@member_required(role=Role.ADMIN)
def audit(request: MemberRequest) -> HttpResponse:
    """The first page of what fits; with ``?cursor=`` the next page's rows."""
    form = AuditFilterForm(request.GET)
    rows = entries(request.workspace.id, form.chosen())
    try:
        found, following = keyset_page(rows, limit=PAGE, cursor=request.GET.get("cursor"), order=ORDER)
    except Problem as problem:
        raise Http404 from problem
    context = {
        "form": form,
        "lines": [(entry, action_words(entry.action), entry_changes(entry)) for entry in found],
        "next": following,
        "filtered": any(form.cleaned_data.values()),
    }
    if request.htmx and request.GET.get("cursor"):
        return render(request, "workspaces/audit.html#lines", context)
    return render(request, "workspaces/audit.html", {**context, "head": head_get(request.workspace.id)})


@require_GET
@member_required(role=Role.ADMIN)
def audit_csv(request: MemberRequest) -> StreamingHttpResponse:
    """Every entry that the same filters show, as CSV."""
    return _export(request, lines_csv, "csv", "text/csv; charset=utf-8")


@require_GET
@member_required(role=Role.ADMIN)
def audit_jsonl(request: MemberRequest) -> StreamingHttpResponse:
    """Every entry that the same filters show, a JSON object a line."""
    return _export(request, lines_json, "jsonl", "application/jsonl; charset=utf-8")


def _export(
    request: MemberRequest, write: Callable[[QuerySet[AuditEntry]], Iterator[str]], kind: str, content_type: str
) -> StreamingHttpResponse:
    chosen = AuditFilterForm(request.GET).chosen()
    audit_record(workspace_id=request.workspace.id, action="audit_export", after={"format": kind})
    name = f"millrace-{request.workspace.slug}-audit-{timezone.localdate().isoformat()}.{kind}"
    return StreamingHttpResponse(
        write(entries(request.workspace.id, chosen)),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
@member_required(role=Role.ADMIN)
def audit_verify(request: MemberRequest) -> HttpResponse:
    """Have the whole log recomputed now."""
    verify(workspace_id=request.workspace.id)
    messages.success(request, _("The log is being verified. Reload the page in a moment."))
    return redirect("workspaces:audit", request.workspace.slug)
