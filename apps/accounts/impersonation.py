"""Staff who look at the site as somebody else (django-hijack changes the session): what is closed to them meanwhile.

Money and security stay with the person: no page that pays, signs in, invites or shows a secret answers.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve

from apps.accounts.models import User

# django-hijack's: who was signed in before, by id.
HISTORY = "hijack_history"
# Pages that are closed whatever the method: signing in, second steps, sessions, keys.
CLOSED = ("account_", "mfa_", "socialaccount_", "usersessions_", "openid_connect", "google_", "github_")
CLOSED_PAGES = {"workspaces:tokens", "workspaces:sign_on_settings", "generations:providers"}
# Apps whose pages may be read, and nothing else.
READ_ONLY = {"accounts", "billing", "workspaces", "start"}
# Pages that write in other apps, and belong to the same.
CLOSED_WRITES = {"generations:provider_key_set", "generations:provider_key_remove"}
SAFE = {"GET", "HEAD", "OPTIONS"}
# What a session may do over the API meanwhile: look, and repeat what went wrong. No keys, no money.
API_SCOPES = frozenset({"read", "projects:write", "runs:write", "assets:write", "generations:write"})


def is_impersonated(request: Any) -> bool:
    """Whether staff look through the eyes of whoever is signed in."""
    return is_looked_through(getattr(request, "session", None))


def is_looked_through(session: Any) -> bool:
    """The same of a session; None is nobody's."""
    return session is not None and bool(session.get(HISTORY))


def impersonator(session: Any) -> User | None:
    """Who looks; None when it is who it says, and when whoever began it is no staff any more."""
    if not is_looked_through(session):
        return None
    return User.objects.filter(pk=UUID(str(session[HISTORY][-1])), is_active=True, is_superuser=True).first()


def refusal(request: HttpRequest) -> HttpResponse | None:
    """403 with a sentence, where staff who look as somebody else have no business."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    name, app = match.view_name or "", match.app_names[0] if match.app_names else ""
    writes = request.method not in SAFE
    if name.startswith(CLOSED) or name in CLOSED_PAGES or (writes and (app in READ_ONLY or name in CLOSED_WRITES)):
        return render(request, "403_impersonating.html", status=403)
    return None
