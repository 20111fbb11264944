"""Settings, Providers: which vendors can be used, how they are doing, and keys of the workspace's own."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.generations.keys import SELF_RUN, KeyInvalid, key_revoke, key_set
from apps.generations.models import AllowedAddress
from apps.generations.vendors import TITLES, VendorView, vendor_title, vendors_view
from apps.projects.models import Project
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role


class KeyForm(forms.Form):
    """A key, and for vendors that people run themselves the address."""

    key = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("It is kept encrypted, used for calls of this workspace, and never shown again."),
    )
    project = forms.ChoiceField(label=gettext_lazy("For"), required=False)

    def __init__(self, provider: str, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.provider = provider
        projects = [(str(row.id), row.name) for row in Project.objects.filter(trashed_at=None).order_by("name")[:200]]
        self.fields["project"].choices = [("", _("All projects")), *projects]  # type: ignore[attr-defined]
        if provider in SELF_RUN:
            self.fields["key"].required = False
            allowed = AllowedAddress.objects.filter(provider=provider).values_list("base_url", flat=True)
            addresses = [(url, url) for url in allowed]
            asked = (
                "" if addresses else gettext_lazy("No address is allowed yet. Ask the staff of this site for yours.")
            )
            self.fields["base_url"] = forms.ChoiceField(
                label=gettext_lazy("Address"), choices=addresses, help_text=asked
            )

    @property
    def project_id(self) -> UUID | None:
        """The chosen project; None for all."""
        chosen = self.cleaned_data.get("project")
        return UUID(chosen) if chosen else None


@require_GET
@member_required(role=Role.VIEWER)
def providers(request: MemberRequest) -> HttpResponse:
    """Every vendor with its models, health and key."""
    return _page(request)


@require_POST
@member_required(role=Role.ADMIN)
def provider_key_set(request: MemberRequest, provider: str) -> HttpResponse:
    """Keep a key of the workspace's own."""
    if provider not in TITLES or provider == "sandbox":
        raise Http404
    form = KeyForm(provider, request.POST)
    if form.is_valid():
        try:
            key_set(
                workspace_id=request.workspace.id,
                provider=provider,
                key=form.cleaned_data["key"],
                project_id=form.project_id,
                base_url=form.cleaned_data.get("base_url", ""),
                actor_id=request.user.id,
            )
        except KeyInvalid as error:
            form.add_error("key", str(error))
        else:
            messages.success(request, _("Calls to %(vendor)s use your key now.") % {"vendor": vendor_title(provider)})
            return redirect("generations:providers", request.workspace.slug)
    return _page(request, form)


@require_POST
@member_required(role=Role.ADMIN)
def provider_key_remove(request: MemberRequest, provider: str) -> HttpResponse:
    """Stop using the workspace's key."""
    if key_revoke(workspace_id=request.workspace.id, provider=provider):
        messages.success(request, _("The key was removed."))
    return redirect("generations:providers", request.workspace.slug)


def _page(request: MemberRequest, refused: KeyForm | None = None) -> HttpResponse:
    admin = request.role.includes(Role.ADMIN)
    rows = [(vendor, _form(vendor, refused) if admin else None) for vendor in vendors_view(request.workspace.id)]
    context = {"rows": rows, "admin": admin, "refused": refused.provider if refused else ""}
    response = render(request, "generations/providers.html", context, status=422 if refused else 200)
    response["Cache-Control"] = "no-store"
    return response


def _form(vendor: VendorView, refused: KeyForm | None) -> KeyForm | None:
    if vendor.name == "sandbox":
        return None
    return refused if refused and refused.provider == vendor.name else KeyForm(vendor.name, auto_id=f"{vendor.name}_%s")
