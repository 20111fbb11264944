"""Who agreed to what: the workspace's page in the settings, and the control beside a generation."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.datasets import services
from apps.datasets.execution.recording import licences, workspace_allows
from apps.datasets.forms import ConsentForm, ModelLicenceForm, models_used
from apps.datasets.fragments import consent_shown
from apps.datasets.models import Consent
from apps.generations.models import Generation
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

CHOICES: dict[str, bool | None] = {"yes": True, "no": False, "workspace": None}


@require_http_methods(["GET", "POST"])
@member_required(role=Role.VIEWER)
def workspace_consent(request: MemberRequest) -> HttpResponse:
    """What the workspace says, and who said so when; admins change it."""
    if request.method == "POST" and not _may_change(request):
        raise PermissionDenied
    workspace_id = request.workspace.id
    now = {"allowed": workspace_allows(workspace_id), "licence": licences(workspace_id).get("", "")}
    form = ConsentForm(request.POST if request.method == "POST" else None, initial=now)
    if request.method == "POST" and form.is_valid():
        told, who = form.cleaned_data, request.user.id
        services.licence_set(workspace_id=workspace_id, model="", text=told["licence"].strip(), actor_id=who)
        services.workspace_consent_set(workspace_id=workspace_id, allowed=told["allowed"], actor_id=who)
        messages.success(request, _("Saved."))
        return redirect("datasets:workspace_consent", request.workspace.slug)
    return _consent_page(request, form, 422 if form.errors else 200)


@require_POST
@member_required(role=Role.ADMIN)
def licence_change(request: MemberRequest) -> HttpResponse:
    """Name the licence of one model, or take it back."""
    form = ModelLicenceForm(request.POST)
    known = {model for model, _title in models_used(request.workspace.id)}
    if not form.is_valid() or form.cleaned_data["model"] not in known | set(licences(request.workspace.id)):
        messages.error(request, _("There is no such model here."))
        return redirect("datasets:workspace_consent", request.workspace.slug)
    told = form.cleaned_data
    try:
        services.licence_set(
            workspace_id=request.workspace.id, model=told["model"], text=told["text"].strip(), actor_id=request.user.id
        )
        messages.success(request, _("Saved."))
    except services.TooManyLicences:
        messages.error(request, _("A workspace may name 200 licences."))
    return redirect("datasets:workspace_consent", request.workspace.slug)


@require_http_methods(["GET", "POST"])
@never_cache
@member_required(role=Role.VIEWER)
def generation_consent(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """The control beside a generation, as a fragment; POST (editors) ``consent=yes|no|workspace``."""
    if request.method == "POST" and not _may_edit(request):
        raise PermissionDenied
    row: Generation | None = Generation.objects.filter(id=generation_id).first()
    if row is None:
        raise Http404
    chosen = request.POST.get("consent", "")
    refused = request.method == "POST" and chosen not in CHOICES
    if request.method == "POST" and not refused:
        row = services.generation_consent_set(
            workspace_id=request.workspace.id,
            generation_id=generation_id,
            allowed=CHOICES[chosen],
            actor_id=request.user.id,
        )
        if not request.htmx:
            return redirect("generations:generation_detail", request.workspace.slug, generation_id)
    context = {**consent_shown(row), "may_edit": _may_edit(request)}
    return render(request, "datasets/_generation_consent.html", context, status=422 if refused else 200)


def _consent_page(request: MemberRequest, form: ConsentForm, status: int) -> HttpResponse:
    workspace_id = request.workspace.id
    own, used = licences(workspace_id), dict(models_used(workspace_id))
    history = Consent.objects.filter(generation_id=None).select_related("actor").order_by("-created_at")
    context = {
        "form": form,
        "may_change": _may_change(request),
        "allows": workspace_allows(workspace_id),
        "licence": own.get("", ""),
        "models": [(model, title, own.get(model, "")) for model, title in used.items()],
        "history": history[:50],
    }
    return render(request, "datasets/workspace_consent.html", context, status=status)


def _may_change(request: MemberRequest) -> bool:
    return request.role.includes(Role.ADMIN)


def _may_edit(request: MemberRequest) -> bool:
    return request.role.includes(Role.EDITOR)
