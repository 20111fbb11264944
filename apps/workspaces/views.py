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

from apps.workspaces import services
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.ending_views import settings_page
from apps.workspaces.forms import NameForm, TokenForm
from apps.workspaces.models import ApiToken, Membership, Role

TOKENS_SHOWN = 500


@member_required(Role.GUEST)
def home(request: MemberRequest) -> HttpResponse:
    """What runs, what was made last. The parts come from the apps that own them, by hx-get. Guests see projects."""
    Membership.objects.filter(id=request.membership.id).update(last_opened_at=timezone.now())
    if request.membership.role == Role.GUEST:
        return redirect("projects:project_list", request.workspace.slug)
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
    ("workspaces:audit", "scroll-text", gettext_noop("Audit log")),
)


@member_required(Role.GUEST)
def palette(request: MemberRequest) -> HttpResponse:
    """Pages of this workspace, and other workspaces, whose name contains what was typed."""
    words = request.GET.get("q", "").replace("\x00", "").strip().lower()
    found: list[dict[str, str]] = []
    for name, icon, label in PAGES if request.membership.role != Role.GUEST else ():
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
    form = NameForm(request.POST or None, initial={"name": request.workspace.name})
    if request.method == "POST" and not request.role.includes(Role.ADMIN):
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        services.workspace_rename(workspace_id=request.workspace.id, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("workspaces:settings", request.workspace.slug)
    return settings_page(request, form)


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
    live = ApiToken.objects.filter(revoked_at=None).select_related("created_by", "issued_by")
    live = live.order_by("-created_at")[:TOKENS_SHOWN]
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
    if found.created_by_id != request.user.id and not request.role.includes(Role.ADMIN):
        raise PermissionDenied
    services.token_revoke(workspace_id=request.workspace.id, token_id=token)
    messages.success(request, _("The token was revoked."))
    return redirect("workspaces:tokens", request.workspace.slug)
