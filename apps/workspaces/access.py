"""Find and authorise in one call: from the URL's workspace to a membership, a role and an open scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import User
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.workspaces.models import ApiToken, Membership, Role, Workspace
from apps.workspaces.sight import MemberReader, role_at
from apps.workspaces.single_sign_on import session_suffices

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request that has passed :func:`member_required`."""

    user: User
    htmx: HtmxDetails
    workspace: Workspace
    membership: Membership
    # In the project that the address names; in the workspace where it names none.
    role: Role


class ApiRequest(HttpRequest):
    """A request that has passed ``api_auth``. ``token`` is None for a signed-in browser.

    ``role`` is the caller's in the project that the address or the body names, else in the workspace.
    """

    user: User
    workspace: Workspace
    role: Role
    reader: MemberReader
    scopes: frozenset[str]
    token: ApiToken | None


def membership_get(user: User, slug: str) -> Membership | None:
    """The membership of ``user`` in the workspace ``slug``, or None."""
    if not user.is_active:
        return None
    rows = Membership.objects.select_related("workspace__single_sign_on")
    membership = rows.filter(user=user, workspace__slug=slug).first()
    if membership is None or membership.workspace.erase_at is None:
        return membership
    # Only those who can restore it are let in to the end; from then on it is gone for everybody.
    return membership if membership.workspace.erase_at > timezone.now() else None


def access_group(user_id: UUID) -> str:
    """Where a person's open sockets hear that a role of theirs changed."""
    return f"access.{user_id}"


def access_poke(*user_ids: UUID) -> None:
    """Have the sockets of these people ask again what they may, when the transaction commits."""
    for user_id in user_ids:
        poke(access_group(user_id), access="changed")


CLOSING = gettext_lazy(
    "This workspace is being deleted, so nothing in it can be changed. An owner can restore it on any of its pages."
)
View = Callable[Concatenate[Any, P], HttpResponseBase]


def _through_the_provider(request: Any, slug: str) -> HttpResponse:
    place = reverse("workspaces:sign_on", args=[slug])
    if request.htmx:
        return HttpResponseClientRedirect(place)
    back = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return redirect(f"{place}?{back}" if back else place)


def member_required(
    role: Role = Role.VIEWER, *, while_closing: bool = False, signed_on: bool = True
) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Turn the URL's ``workspace`` slug into ``request.workspace`` and ``request.membership`` and open the scope.

    ``role`` is needed in the project that the address names, or in the workspace. Strangers get 404, members of too
    low a role 403, visitors the sign-in page. Guests enter only where ``role`` says so. While a workspace waits to be
    erased everybody may only look, except ``while_closing``. Where the workspace requires its own sign-in, members who
    did not come through it are sent there, unless the view does without (``signed_on=False``).
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def inner(request: Any, workspace: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            membership = membership_get(request.user, workspace)
            if membership is None:
                raise Http404
            if signed_on and not session_suffices(membership, request.session):
                return _through_the_provider(request, workspace)
            reader = MemberReader.of(membership)
            if while_closing:
                reader = replace(reader, looks_only=False)
            with scope(membership.workspace_id, reader):
                request.role = role_at(reader, kwargs)
                if not request.role.includes(role):
                    raise PermissionDenied(CLOSING if reader.looks_only else "")
                request.workspace = membership.workspace
                request.membership = membership
                return view(request, *args, **kwargs)

        inner.role = role  # type: ignore[attr-defined]
        return inner

    return decorate
