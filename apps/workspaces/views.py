"""Pages of a workspace: home, settings, members, tokens."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST

from apps.common.problems import Problem
from apps.workspaces import services
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.forms import InviteForm, NameForm, TokenForm
from apps.workspaces.limits import INVITATION_BURST, INVITATION_RATE, key_limit
from apps.workspaces.models import ApiToken, Invitation, Membership, Role


@member_required()
def home(request: MemberRequest) -> HttpResponse:
    """What runs, what was made last. The parts come from the apps that own them, by hx-get."""
    Membership.objects.filter(id=request.membership.id).update(last_opened_at=timezone.now())
    return render(request, "workspaces/home.html")


PAGES = (
    ("workspaces:home", "house", gettext_noop("Home")),
    ("projects:project_list", "folder", gettext_noop("Projects")),
    ("runs:run_list", "activity", gettext_noop("Runs")),
    ("runs:approval_list", "user-check", gettext_noop("Approvals")),
    ("assets:gallery", "images", gettext_noop("Gallery")),
    ("assets:trash", "trash-2", gettext_noop("Trash")),
    ("generations:tape", "history", gettext_noop("Tape")),
    ("datasets:dataset_list", "database", gettext_noop("Datasets")),
    ("billing:ledger", "wallet", gettext_noop("Billing")),
    ("workspaces:settings", "settings", gettext_noop("Settings")),
    ("datasets:workspace_consent", "handshake", gettext_noop("Consent and licences")),
    ("workspaces:members", "users", gettext_noop("Members")),
    ("workspaces:tokens", "key-round", gettext_noop("API tokens")),
    ("runs:limits", "gauge", gettext_noop("Limits")),
)


@member_required()
def palette(request: MemberRequest) -> HttpResponse:
    """Pages of this workspace, and other workspaces, whose name contains what was typed."""
    words = request.GET.get("q", "").strip().lower()
    found: list[dict[str, str]] = []
    for name, icon, label in PAGES:
        try:
            url = reverse(name, args=[request.workspace.slug])
        except NoReverseMatch:
            continue
        if words in _(label).lower():
            found.append({"url": url, "icon": icon, "label": _(label)})
    others = request.user.workspaces.exclude(id=request.workspace.id).filter(name__icontains=words).order_by("name")
    return render(request, "workspaces/palette.html", {"pages": found, "others": others[:8]})


@member_required()
def settings(request: MemberRequest) -> HttpResponse:
    """The workspace's name (admins), and leaving it."""
    may_change = Role(request.membership.role).includes(Role.ADMIN)
    form = NameForm(request.POST or None, initial={"name": request.workspace.name})
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        services.workspace_rename(workspace_id=request.workspace.id, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("workspaces:settings", request.workspace.slug)
    context = {"form": form, "may_change": may_change}
    return render(request, "workspaces/settings.html", context, status=422 if form.errors else 200)


def _invitable(role: Role) -> list[Role]:
    return [candidate for candidate in Role if role.includes(candidate)]


def _members_page(request: MemberRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    role = Role(request.membership.role)
    members = Membership.objects.filter(workspace=request.workspace).select_related("user").order_by("created_at", "id")
    open_ones = Invitation.objects.filter(accepted_at=None, revoked_at=None).select_related("invited_by")
    context = {
        "form": form,
        "members": members,
        "invitations": open_ones.order_by("-created_at"),
        "may_change": role.includes(Role.ADMIN),
        "roles": _invitable(role),
        "now": timezone.now(),
    }
    return render(request, "workspaces/members.html", context, status=status)


@member_required()
def members(request: MemberRequest) -> HttpResponse:
    """Who is here, and who is invited."""
    return _members_page(request, InviteForm(roles=_invitable(Role(request.membership.role))))


@require_POST
@member_required(role=Role.ADMIN)
def member_invite(request: MemberRequest) -> HttpResponse:
    """Send an invitation."""
    form = InviteForm(request.POST, roles=_invitable(Role(request.membership.role)))
    if form.is_valid():
        try:
            key = f"{{{request.workspace.id}}}:invitations"
            key_limit(request, key, "invitations", rate=INVITATION_RATE, burst=INVITATION_BURST)
            role = Role(form.cleaned_data["role"])
            invited = services.member_invite(actor=request.membership, email=form.cleaned_data["email"], role=role)
            messages.success(request, _("Invitation sent to %(email)s.") % {"email": invited.email})
            return redirect("workspaces:members", request.workspace.slug)
        except (services.WorkspaceError, Problem) as error:
            form.add_error("email", str(error))
    return _members_page(request, form, status=422)


@require_POST
@member_required(role=Role.ADMIN)
def invitation_revoke(request: MemberRequest, invitation: UUID) -> HttpResponse:
    """Take an invitation back."""
    if not Invitation.objects.filter(id=invitation).exists():
        raise Http404
    services.invitation_revoke(workspace_id=request.workspace.id, invitation_id=invitation)
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
@member_required()
def member_remove(request: MemberRequest, user: UUID) -> HttpResponse:
    """Remove a member (admins), or leave."""
    leaving = user == request.user.id
    if not leaving and not Role(request.membership.role).includes(Role.ADMIN):
        raise PermissionDenied
    try:
        gone = services.member_remove(actor=request.membership, user_id=user)
    except Membership.DoesNotExist as error:
        raise Http404 from error
    except services.WorkspaceError as error:
        messages.error(request, str(error))
        return redirect("workspaces:members", request.workspace.slug)
    if leaving:
        messages.success(request, _("You have left %(name)s.") % {"name": request.workspace.name})
        return redirect("start:landing")
    messages.success(request, _("%(name)s was removed.") % {"name": gone.user.get_full_name()})
    return redirect("workspaces:members", request.workspace.slug)


@member_required(role=Role.EDITOR)
def tokens(request: MemberRequest) -> HttpResponse:
    """Live tokens; POST makes one and shows its secret this once."""
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        made = form.cleaned_data
        _token, secret = services.token_issue(
            workspace_id=request.workspace.id,
            created_by_id=request.user.id,
            name=made["name"],
            scopes=made["scopes"],
            days=made["days"],
        )
        form = TokenForm()
    live = ApiToken.objects.filter(revoked_at=None).select_related("created_by").order_by("-created_at")
    context = {"form": form, "tokens": live, "secret": secret, "now": timezone.now()}
    response = render(request, "workspaces/tokens.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@member_required(role=Role.EDITOR)
def token_revoke(request: MemberRequest, token: UUID) -> HttpResponse:
    """Stop a token: one's own, or anybody's for admins."""
    found = ApiToken.objects.filter(id=token).first()
    if found is None:
        raise Http404
    if found.created_by_id != request.user.id and not Role(request.membership.role).includes(Role.ADMIN):
        raise PermissionDenied
    services.token_revoke(workspace_id=request.workspace.id, token_id=token)
    messages.success(request, _("The token was revoked."))
    return redirect("workspaces:tokens", request.workspace.slug)
