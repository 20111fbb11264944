"""Settings → Members: who is here and as what, who is invited, and the service accounts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.workspaces import inviting, services
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.forms import InviteForm, ServiceAccountForm, TokenForm
from apps.workspaces.limits import INVITATION_BURST, INVITATION_RATE, key_limit
from apps.workspaces.models import ApiToken, Invitation, Membership, Role, ServiceAccount
from apps.workspaces.service_accounts import (
    ROLES,
    service_account_create,
    service_account_delete,
    service_token_issue,
)

PAGE = 50


def invitable(role: Role) -> list[Role]:
    """The roles that a member of this role can give in the workspace."""
    return [one for one in Role if role.includes(one) and one is not Role.GUEST]


def _members_page(request: MemberRequest, form: InviteForm, status: int = 200, **more: Any) -> HttpResponse:
    words = request.GET.get("q", "").replace("\x00", "").strip()
    people = Membership.objects.filter(workspace=request.workspace, user__is_service=False).select_related("user")
    if words:
        people = people.filter(Q(user__name__icontains=words) | Q(user__email__icontains=words))
    try:
        rows, cursor = keyset_page(people, limit=PAGE, cursor=request.GET.get("cursor"), order=("created_at", "id"))
    except Problem as problem:
        raise Http404 from problem
    context = {
        "form": form,
        "members": rows,
        "cursor": cursor,
        "words": words,
        "count": Membership.objects.filter(workspace=request.workspace, user__is_service=False).count(),
        "invitations": inviting.invitations_open(request.workspace.id),
        "may_change": request.role.includes(Role.ADMIN),
        "roles": invitable(request.role),
        "now": timezone.now(),
        **more,
    }
    part = "#rows" if request.GET.get("cursor") else "#results" if request.htmx and not request.htmx.boosted else ""
    return render(
        request, f"workspaces/members.html{part if not more and status == 200 else ''}", context, status=status
    )


@require_GET
@member_required()
def members(request: MemberRequest) -> HttpResponse:
    """Who is here, and who is invited; ``q`` finds by name or address."""
    return _members_page(request, InviteForm(roles=invitable(request.role)))


@require_POST
@member_required(role=Role.ADMIN)
def member_invite(request: MemberRequest) -> HttpResponse:
    """Send invitations to the addresses of a pasted text; what is wrong with a line is said beside it."""
    form = InviteForm(request.POST, roles=invitable(request.role))
    if not form.is_valid():
        return _members_page(request, form, status=422)
    try:
        key = f"{{{request.workspace.id}}}:invitations"
        key_limit(request, key, "invitations", rate=INVITATION_RATE, burst=INVITATION_BURST)
    except Problem as error:
        form.add_error("emails", str(error))
        return _members_page(request, form, status=422)
    role = Role(form.cleaned_data["role"])
    answers = inviting.members_invite(actor=request.membership, text=form.cleaned_data["emails"], role=role)
    sent = [answer for answer in answers if answer.invitation]
    if sent:
        told = ngettext("%(count)d invitation sent.", "%(count)d invitations sent.", len(sent))
        messages.success(request, told % {"count": len(sent)})
    refused = [answer for answer in answers if answer.problem]
    if not refused:
        return redirect("workspaces:members", request.workspace.slug)
    again = InviteForm(
        initial={"emails": "\n".join(answer.line for answer in refused), "role": role},
        roles=invitable(request.role),
    )
    return _members_page(request, again, status=422, refused=refused)


def _invitation(invitation_id: UUID) -> Invitation:
    found: Invitation = get_object_or_404(Invitation.objects.all(), id=invitation_id)
    return found


@require_POST
@member_required(role=Role.ADMIN)
def invitation_resend(request: MemberRequest, invitation: UUID) -> HttpResponse:
    """Send an invitation once more; its days begin anew."""
    found = _invitation(invitation)
    try:
        inviting.invitation_resend(actor=request.membership, invitation=found)
        messages.success(request, _("Invitation sent to %(email)s.") % {"email": found.email})
    except services.WorkspaceError as error:
        messages.error(request, str(error))
    return redirect("workspaces:members", request.workspace.slug)


@require_POST
@member_required(role=Role.ADMIN)
def invitation_revoke(request: MemberRequest, invitation: UUID) -> HttpResponse:
    """Take an invitation back."""
    inviting.invitation_revoke(workspace_id=request.workspace.id, invitation_id=_invitation(invitation).id)
    messages.success(request, _("The invitation was taken back."))
    return redirect("workspaces:members", request.workspace.slug)


@require_POST
@member_required(role=Role.ADMIN)
def member_change_role(request: MemberRequest, user: UUID) -> HttpResponse:
    """Give a member another role."""
    if not Membership.objects.filter(workspace=request.workspace, user_id=user).exists():
        raise Http404
    try:
        role = Role(request.POST.get("role", ""))
        member = services.member_change_role(actor=request.membership, user_id=user, role=role)
        told = {"name": member.user.get_full_name(), "role": role.label.lower()}
        messages.success(request, _("%(name)s is now %(role)s.") % told)
    except ValueError:
        messages.error(request, _("There is no such role."))
    except services.WorkspaceError as error:
        messages.error(request, str(error))
    return redirect("workspaces:members", request.workspace.slug)


@require_POST
@member_required(Role.GUEST, while_closing=True)
def member_remove(request: MemberRequest, user: UUID) -> HttpResponse:
    """Remove a member (admins), or leave."""
    leaving = user == request.user.id
    if not leaving and not request.role.includes(Role.ADMIN):
        raise PermissionDenied
    try:
        gone = services.member_remove(actor=request.membership, user_id=user)
    except Membership.DoesNotExist as error:
        raise Http404 from error
    except services.WorkspaceError as error:
        messages.error(request, str(error))
        return redirect("workspaces:settings" if leaving else "workspaces:members", request.workspace.slug)
    if leaving:
        messages.success(request, _("You have left %(name)s.") % {"name": request.workspace.name})
        return redirect("start:landing")
    messages.success(request, _("%(name)s was removed.") % {"name": gone.user.get_full_name()})
    return redirect("workspaces:members", request.workspace.slug)


# --- Service accounts ----------------------------------------------------------------------------------------------


def _service_page(
    request: MemberRequest,
    form: ServiceAccountForm,
    status: int = 200,
    refused: tuple[UUID, TokenForm] | None = None,
    secret: str = "",
) -> HttpResponse:
    """The page; ``refused`` is the account whose form for a token had mistakes, and that form."""
    response = render(
        request,
        "workspaces/service_accounts.html",
        {"form": form, "rows": _service_rows(request, refused), "secret": secret, "now": timezone.now()},
        status=status,
    )
    response["Cache-Control"] = "no-store"
    return response


def _service_rows(request: MemberRequest, refused: tuple[UUID, TokenForm] | None) -> list[dict[str, Any]]:
    """Each account with its role, its tokens, and a form for another whose fields no other form on the page has."""
    accounts = ServiceAccount.objects.select_related("user", "made_by").order_by("user__name", "id")
    roles = {
        row.user_id: row.get_role_display()
        for row in Membership.objects.filter(workspace=request.workspace, user__is_service=True)
    }
    tokens: dict[UUID, list[ApiToken]] = defaultdict(list)
    rows = ApiToken.objects.filter(created_by__is_service=True, revoked_at=None).select_related("issued_by")
    for token in rows.order_by("-created_at"):
        tokens[token.created_by_id].append(token)
    found = []
    for account in accounts:
        is_refused = refused is not None and refused[0] == account.id
        form = refused[1] if refused and is_refused else TokenForm(auto_id=_auto_id(account.id))
        row = {"account": account, "role": roles.get(account.user_id, ""), "tokens": tokens[account.user_id]}
        found.append({**row, "form": form, "is_refused": is_refused, "sheet": f"token-new-{account.id}"})
    return found


def _auto_id(account_id: UUID) -> str:
    return f"id_{account_id}_%s"


def _service_roles(request: MemberRequest) -> list[Role]:
    return [role for role in ROLES if request.role.includes(role)]


@member_required(role=Role.ADMIN)
def service_accounts(request: MemberRequest) -> HttpResponse:
    """The service accounts and their tokens; POST makes an account."""
    form = ServiceAccountForm(request.POST or None, roles=_service_roles(request))
    if request.method == "POST" and form.is_valid():
        name, role = form.cleaned_data["name"], Role(form.cleaned_data["role"])
        try:
            service_account_create(actor=request.membership, name=name, role=role)
            messages.success(request, _("“%(name)s” is ready. Give it a token.") % {"name": name})
            return redirect("workspaces:service_accounts", request.workspace.slug)
        except services.WorkspaceError as error:
            form.add_error("name", str(error))
    return _service_page(request, form, status=422 if form.errors else 200)


def _account(account_id: UUID) -> ServiceAccount:
    found: ServiceAccount = get_object_or_404(ServiceAccount.objects.select_related("user"), id=account_id)
    return found


@require_POST
@member_required(role=Role.ADMIN)
def service_token_create(request: MemberRequest, account: UUID) -> HttpResponse:
    """A token that acts as the account, shown this once."""
    found, form = _account(account), TokenForm(request.POST, auto_id=_auto_id(account))
    empty = ServiceAccountForm(roles=_service_roles(request))
    if not form.is_valid():
        return _service_page(request, empty, status=422, refused=(found.id, form))
    made = form.cleaned_data
    _token, secret = service_token_issue(
        account=found, issued_by_id=request.user.id, name=made["name"], scopes=made["scopes"], days=made["days"]
    )
    return _service_page(request, empty, secret=secret)


@require_POST
@member_required(role=Role.ADMIN)
def service_account_remove(request: MemberRequest, account: UUID) -> HttpResponse:
    """End an account and its tokens."""
    found = _account(account)
    service_account_delete(account=found)
    messages.success(request, _("%(name)s was removed.") % {"name": found.user.get_full_name()})
    return redirect("workspaces:service_accounts", request.workspace.slug)
