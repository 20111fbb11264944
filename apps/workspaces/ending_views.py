"""The danger zone: handing a workspace over, deleting it, restoring it; and deleting one's own account."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.accounts.models import User
from apps.workspaces import departures, ownership
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.forgetting import owned_alone
from apps.workspaces.forms import NameForm, TypedForm
from apps.workspaces.models import Membership, OwnershipOffer, Role
from apps.workspaces.services import WorkspaceError

CHOICES = 500


def settings_page(request: MemberRequest, form: NameForm | None = None, **refused: str) -> HttpResponse:
    """The settings. ``refused`` is what was typed into the danger zone, and what is wrong with it: then it is 422."""
    form = form or NameForm(initial={"name": request.workspace.name})
    context = {"form": form, "may_change": request.role.includes(Role.ADMIN), **_ending_context(request), **refused}
    return render(request, "workspaces/settings.html", context, status=422 if form.errors or refused else 200)


def _ending_context(request: MemberRequest) -> dict[str, Any]:
    """What the danger zone of the settings shows."""
    is_owner = request.membership.role == Role.OWNER
    offers = OwnershipOffer.objects.filter(accepted_at=None, revoked_at=None)
    people = Membership.objects.filter(workspace=request.workspace, user__is_service=False, user__is_active=True)
    people = people.exclude(role=Role.GUEST).exclude(id=request.membership.id).select_related("user")
    return {
        "is_owner": is_owner,
        "offer": offers.select_related("offered_by", "offered_to").first(),
        "heirs": people.order_by("user__name", "user__email")[:CHOICES] if is_owner else (),
    }


def _done(request: MemberRequest, what: Callable[[], object], said: str) -> HttpResponse:
    """Do it, say so or why not, and go back to the settings."""
    try:
        what()
        messages.success(request, said)
    except WorkspaceError as error:
        messages.error(request, str(error))
    return redirect("workspaces:settings", request.workspace.slug)


@require_POST
@member_required(role=Role.OWNER)
def ownership_offer(request: MemberRequest) -> HttpResponse:
    """Offer the workspace to a member."""
    email = request.POST.get("email", "").strip()
    members = Membership.objects.filter(workspace=request.workspace, user__email__iexact=email)
    member = members.select_related("user").first()
    try:
        if member is None:
            raise WorkspaceError(_("Choose a person who is a member of this workspace, and no guest."))
        ownership.ownership_offer(actor=request.membership, user_id=member.user_id)
    except WorkspaceError as error:
        return settings_page(request, offered=email, offer_problem=str(error))
    messages.success(request, _("Offered. %(name)s finds it in the settings.") % {"name": member.user.get_full_name()})
    return redirect("workspaces:settings", request.workspace.slug)


@require_POST
@member_required()
def ownership_answer(request: MemberRequest) -> HttpResponse:
    """Accept an offer, decline it, or (owners) take it back."""
    if request.POST.get("answer") == "accept":
        accept = partial(ownership.ownership_accept, actor=request.membership)
        return _done(request, accept, _("You own this workspace now."))
    revoke = partial(ownership.ownership_offer_revoke, actor=request.membership)
    return _done(request, revoke, _("The offer is gone."))


@require_POST
@member_required(role=Role.OWNER)
def workspace_close(request: MemberRequest) -> HttpResponse:
    """Begin the days before the workspace is erased; its name must be typed."""
    typed = request.POST.get("typed", "")
    try:
        ownership.workspace_close(actor=request.membership, typed=typed)
    except WorkspaceError as error:
        return settings_page(request, typed=typed, close_problem=str(error))
    messages.success(request, _("Everything here has been stopped. An owner can restore the workspace for 14 days."))
    return redirect("workspaces:settings", request.workspace.slug)


@require_POST
@member_required(role=Role.OWNER, while_closing=True)
def workspace_restore(request: MemberRequest) -> HttpResponse:
    """Take the deletion back."""
    restore = partial(ownership.workspace_restore, actor=request.membership)
    return _done(request, restore, _("The workspace is back. What was stopped stays stopped."))


@login_required
def account_close(request: HttpRequest) -> HttpResponse:
    """Ask to be forgotten, or take that back."""
    user = cast(User, request.user)
    form = TypedForm(request.POST if request.method == "POST" and "keep" not in request.POST else None)
    if request.method == "POST" and "keep" in request.POST:
        departures.account_keep(user=user)
        messages.success(request, _("Your account stays."))
        return redirect("start:account_close")
    if request.method == "POST" and form.is_valid():
        try:
            departures.account_close(user=user, typed=form.cleaned_data["typed"])
            return redirect("start:account_close")
        except WorkspaceError as error:
            form.add_error("typed", str(error))
    context = {"form": form, "alone": owned_alone(user.id), "person": user}
    return render(request, "workspaces/account_close.html", context, status=422 if form.errors else 200)
