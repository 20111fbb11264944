"""A person's own page. Signing in and out is allauth's."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import check_for_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from apps.accounts.forms import ProfileForm
from apps.accounts.languages import language_keep


@require_POST
def language_set(request: HttpRequest) -> HttpResponseBase:
    """The language of pages, kept in a cookie; of whoever is signed in also for what is written to them."""
    response: HttpResponseBase = set_language(request)
    if request.user.is_authenticated and check_for_language(language := request.POST.get("language", "")):
        with override(language):
            language_keep(request.user.id)
    return response


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change the name; links to e-mail and password."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.errors else 200)
