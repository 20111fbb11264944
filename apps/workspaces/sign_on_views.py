"""Pages around a workspace's own sign-in: its settings, the way in from outside, and the stop before its pages."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from requests import RequestException

from apps.common.tenancy import unscoped
from apps.workspaces import single_sign_on
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.forms import OrganisationForm, SingleSignOnForm
from apps.workspaces.models import Role, SingleSignOn, provider_id_of


def organisation(request: HttpRequest) -> HttpResponse:
    """Sign in with an organisation: name its workspace, go to its provider."""
    form = OrganisationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with unscoped("whoever signs in has no workspace yet"):
            row = SingleSignOn.objects.filter(workspace__slug=form.cleaned_data["workspace"].lower()).first()
        if row is not None:
            return _to_provider(request, row, process="login", back=f"/w/{form.cleaned_data['workspace'].lower()}/")
        form.add_error(
            "workspace", _("No workspace with a sign-in of its own has this address. Ask one of its admins.")
        )
    return render(request, "workspaces/organisation.html", {"form": form}, status=422 if form.errors else 200)


@member_required(signed_on=False)
def sign_on(request: MemberRequest) -> HttpResponse:
    """The stop before a workspace that requires its own sign-in; POST goes to its provider."""
    row = single_sign_on.sign_on_of(request.workspace.id)
    place = reverse("workspaces:home", args=[request.workspace.slug])
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    back = wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else place
    if row is None or single_sign_on.session_came(request.workspace.id, request.session):
        return redirect(back)
    if request.method == "POST":
        return _to_provider(request, row, process="connect", back=back)
    return render(request, "workspaces/sign_on.html", {"sign_on": row, "back": back})


def _to_provider(request: Any, row: SingleSignOn, *, process: str, back: str) -> HttpResponse:
    try:
        provider = get_adapter().get_provider(request, row.provider_id)
        answer: HttpResponse = provider.redirect(request, process=process, next_url=back)
        return answer
    except (RequestException, KeyError, ValueError):
        messages.error(request, _("%(name)s does not answer. Try again in a moment.") % {"name": row.name})
        return redirect(request.get_full_path())


@member_required(role=Role.ADMIN)
def sign_on_settings(request: MemberRequest) -> HttpResponse:
    """The workspace's provider; POST checks and keeps it."""
    row = single_sign_on.sign_on_of(request.workspace.id)
    came = single_sign_on.session_came(request.workspace.id, request.session)
    form = SingleSignOnForm(request.POST or None, sign_on=row, may_require=came)
    if request.method == "POST" and form.is_valid():
        try:
            single_sign_on.sign_on_set(workspace_id=request.workspace.id, **form.cleaned_data)
            messages.success(request, _("Saved. Sign in through it once to see that it works."))
            return redirect("workspaces:sign_on_settings", request.workspace.slug)
        except single_sign_on.SingleSignOnInvalid as error:
            form.add_error(error.field, str(error))
    context = {"form": form, "sign_on": row, "came": came, "callback": _callback(request)}
    return render(request, "workspaces/sign_on_settings.html", context, status=422 if form.errors else 200)


def _callback(request: MemberRequest) -> str:
    place = reverse("openid_connect_callback", args=[provider_id_of(request.workspace.id)])
    return request.build_absolute_uri(place)


@require_POST
@member_required(role=Role.ADMIN)
def sign_on_remove(request: MemberRequest) -> HttpResponse:
    """Forget the provider."""
    single_sign_on.sign_on_remove(workspace_id=request.workspace.id)
    messages.success(request, _("Members sign in with their own password again."))
    return redirect("workspaces:sign_on_settings", request.workspace.slug)
