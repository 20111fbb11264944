"""Staff's pages that are no table, and what everybody may do with an announcement."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import User
from apps.console import impersonation
from apps.console.banners import DISMISSED_COOKIE, dismissed_with
from apps.console.forms import ReasonForm
from apps.console.health import providers_health
from apps.console.queues import queues_look

YEAR_S = 31_536_000
View = Callable[..., HttpResponse]


def superuser_required(view: View) -> View:
    """Visitors are sent to the console's sign-in, everybody but superusers gets 403."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    guarded: View = admin.site.admin_view(inner)
    return guarded


def _context(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, **more}


@require_GET
@superuser_required
def queues(request: HttpRequest) -> HttpResponse:
    """The queues' page; what it shows is fetched by itself, every few seconds."""
    return render(request, "console/queues.html", _context(request, _("Queues and workers")))


@require_GET
@superuser_required
def queues_now(request: HttpRequest) -> HttpResponse:
    """What waits and who works, at this moment."""
    return render(request, "console/queues_now.html", {"look": queues_look()})


@require_GET
@superuser_required
def providers(request: HttpRequest) -> HttpResponse:
    """Calls, errors and latency of each provider, from our own calls; and its models with their prices."""
    title = _("Providers")
    return render(request, "console/providers.html", _context(request, title, providers=providers_health()))


@require_http_methods(["GET", "POST"])
@superuser_required
def impersonation_begin(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Ask why, then look at the site as somebody else."""
    person = get_object_or_404(User, id=user_id)
    if not impersonation.may_impersonate(hijacker=request.user, hijacked=person):  # type: ignore[arg-type]
        raise PermissionDenied
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return impersonation.impersonation_begin(request, person=person, reason=form.cleaned_data["reason"])
    title = _("Look at the site as %(person)s") % {"person": person.email}
    note = _("For an hour at most. Every page says so, it is written down, and money and security stay closed.")
    back = reverse("admin:accounts_user_change", args=[person.pk])
    context = _context(request, title, form=form, does=_("Begin"), back=back, note=note)
    return render(request, "console/act.html", context, status=422 if form.errors else 200)


@require_POST
def impersonation_end(request: HttpRequest) -> HttpResponse:
    """Be oneself again, on the page of whoever one was."""
    back = reverse("admin:accounts_user_change", args=[request.user.pk]) if request.user.pk else "/"
    return impersonation.impersonation_end(request, back=back)


@require_POST
def announcement_dismiss(request: HttpRequest, announcement_id: UUID) -> HttpResponse:
    """Close an announcement in this browser."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=False)
    is_htmx = bool(request.headers.get("HX-Request"))
    response = HttpResponse() if is_htmx else redirect(back if is_ours else "/")
    kept = dismissed_with(request, announcement_id)
    response.set_cookie(DISMISSED_COOKIE, kept, max_age=YEAR_S, samesite="Lax", httponly=True)
    return response
