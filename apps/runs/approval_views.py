"""Pages of approvals: the list of a workspace, one of them, and the one behind a mail's link."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.common.tenancy import scope
from apps.runs import answers, approvals, letters, reminders
from apps.runs.forms import DecisionForm
from apps.runs.models import Step
from apps.runs.waits import APPROVAL
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.limits import strangers_limited
from apps.workspaces.models import Role

PAGE = 30
OPEN_SHOWN = 200


def _step(run_id: UUID, node: str, item: int) -> Step:
    step = approvals.approval_find(run_id, node, item)
    if step is None:
        raise Http404
    return step


def _context(step: Step, form: DecisionForm, *, may_answer: bool, problem: str = "") -> dict[str, Any]:
    return {
        "approval": approvals.approval_view(step),
        "values": approvals.value_shown((step.inputs or {}).get("value")),
        "form": form,
        "may_answer": may_answer,
        "problem": problem,
    }


def _allowed(request: MemberRequest, step: Step) -> bool:
    return answers.member_may_answer(step.request or {}, request.membership, step.run.project_id)


@require_GET
@member_required()
def approval_list(request: MemberRequest) -> HttpResponse:
    """What waits for somebody's decision, and what was decided."""
    run_id = _run_asked(request)
    past, cursor = approvals.approvals_past(run_id), request.GET.get("cursor") or None
    order = ("-started_at", "-run_id", "-position", "-item")
    try:
        rows, following = keyset_page(past, limit=PAGE, cursor=cursor, order=order)
    except Problem as error:
        raise Http404 from error
    context: dict[str, Any] = {"past": [approvals.approval_view(step) for step in rows], "next": following}
    if cursor:
        return render(request, "runs/approval_list.html#past", context)
    waiting = approvals.approvals_open(run_id)[:OPEN_SHOWN]
    context["waiting"] = [
        (
            approvals.approval_view(step),
            _allowed(request, step),
        )
        for step in waiting
    ]
    context["run_id"] = run_id
    return render(request, "runs/approval_list.html", context)


def _run_asked(request: HttpRequest) -> UUID | None:
    """The run whose approvals are wanted; None for all."""
    asked = request.GET.get("run")
    try:
        return UUID(asked) if asked else None
    except ValueError as error:
        raise Http404 from error


@require_GET
@member_required()
def approval_count(request: MemberRequest) -> HttpResponse:
    """How many wait, for the navigation."""
    return render(
        request, "runs/approval_count.html", {"count": approvals.approvals_count(), "most": approvals.COUNTED}
    )


@require_GET
@member_required()
def approval_detail(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """One approval with the value it is about."""
    step = _step(run_id, node, item)
    allowed = _allowed(request, step)
    return _detail(request, step, _context(step, DecisionForm(), may_answer=allowed))


@require_POST
@member_required()
def approval_answer(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Approve or reject."""
    step, form, problem = _step(run_id, node, item), DecisionForm(request.POST), ""
    here = redirect("runs:approval_detail", request.workspace.slug, run_id, node, item)
    if form.is_valid():
        try:
            answers.approval_answer(step=step, user=request.user, how="page", **form.cleaned_data)
        except answers.NotApprover as error:
            raise PermissionDenied from error
        except (answers.NotWaiting, answers.AlreadyAnswered) as error:
            # The page itself says who was first, or why nobody can decide any more.
            messages.warning(request, _late(error))
        else:
            messages.success(request, _said(form.cleaned_data["decision"]))
        return here
    problem = "" if "comment" in form.errors else _("Choose Approve or Reject.")
    allowed = _allowed(request, step)
    return _detail(request, step, _context(step, form, may_answer=allowed, problem=problem), status=422)


def _detail(request: MemberRequest, step: Step, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    may_remind = request.role.includes(Role.EDITOR) and context["approval"].state == "open"
    context |= {"letters": approvals.letters_of(step), "may_remind": may_remind}
    return render(request, "runs/approval_detail.html", context, status=status)


@require_POST
@member_required(role=Role.EDITOR)
def approval_remind(request: MemberRequest, run_id: UUID, node: str, item: int) -> HttpResponse:
    """Send the letters of an approval once more."""
    try:
        count = reminders.letters_again(step=_step(run_id, node, item))
    except (answers.NotWaiting, reminders.TooManyLetters) as error:
        messages.warning(request, str(error))
    else:
        said = ngettext("%(count)s letter is on its way.", "%(count)s letters are on their way.", count)
        messages.success(request, said % {"count": count})
    return redirect("runs:approval_detail", request.workspace.slug, run_id, node, item)


def _said(decision: str) -> str:
    return (
        _("Approved. The run continues.")
        if decision == "approve"
        else _("Rejected. The run continues from the Rejected output.")
    )


def _late(error: Exception) -> str:
    if isinstance(error, answers.AlreadyAnswered):
        return _("%(name)s answered first, so your answer was not used.") % {
            "name": (error.decision.get("who") or {}).get("name", "")
        }
    return str(error)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@strangers_limited
def link_answer(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind a mail's link. Looking decides nothing: programs that check mail follow links."""
    letter = letters.letter_find(token)
    if letter is None:
        return _private(render(request, "runs/approval_link_gone.html", status=404))
    with scope(letter.workspace_id):
        step = letters.letter_step(letter)
        if step is None or (step.request or {}).get("kind") != APPROVAL:
            return _private(render(request, "runs/approval_link_gone.html", status=404))
        form, problem, status = DecisionForm(request.POST if request.method == "POST" else None), "", 200
        if request.method == "POST" and form.is_valid():
            problem, status = _link_decide(step, letter.address, form)
            step = letters.letter_step(letter) or step
        elif request.method == "POST":
            problem, status = ("" if "comment" in form.errors else _("Choose Approve or Reject.")), 422
        context = {**_context(step, form, may_answer=True, problem=problem), "letter": letter}
        return _private(render(request, "runs/approval_link.html", context, status=status))


def _link_decide(step: Step, address: str, form: DecisionForm) -> tuple[str, int]:
    """The sentence about why nothing changed, "" when it did, and the status."""
    try:
        answers.approval_answer_by_letter(step=step, address=address, **form.cleaned_data)
    except (answers.NotWaiting, answers.NotApprover, answers.AlreadyAnswered) as error:
        return _late(error), 409
    return "", 200


def _private(response: HttpResponse) -> HttpResponse:
    """The address is a key: it must not travel on in a header, nor into an index or our log."""
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
