"""Find and authorise in one call: from the URL's workspace to a membership, a role and an open scope."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.workspaces.models import ApiToken, Membership, Role, Workspace
from apps.workspaces.single_sign_on import session_suffices

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request that has passed :func:`member_required`."""

    user: User
    htmx: HtmxDetails
    workspace: Workspace
    membership: Membership


class ApiRequest(HttpRequest):
    """A request that has passed ``api_auth``. ``token`` is None for a signed-in browser."""

    user: User
    workspace: Workspace
    role: Role
    scopes: frozenset[str]
    token: ApiToken | None


def membership_get(user: User, slug: str) -> Membership | None:
    """The membership of ``user`` in the workspace ``slug``, or None."""
    if not user.is_active:
        return None
    rows = Membership.objects.select_related("workspace__single_sign_on")
    return rows.filter(user=user, workspace__slug=slug).first()


View = Callable[Concatenate[Any, P], HttpResponseBase]


def _through_the_provider(request: Any, slug: str) -> HttpResponse:
    place = reverse("workspaces:sign_on", args=[slug])
    if request.htmx:
        return HttpResponseClientRedirect(place)
    back = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return redirect(f"{place}?{back}" if back else place)


def member_required(
    role: Role = Role.VIEWER, *, signed_on: bool = True
) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Turn the URL's ``workspace`` slug into ``request.workspace`` and ``request.membership`` and open the scope.

    Strangers get 404, members of too low a role 403, visitors the sign-in page. Where the workspace requires its own
    sign-in, members who did not come through it are sent there, unless the view does without (``signed_on=False``).
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
            if not Role(membership.role).includes(role):
                raise PermissionDenied
            request.workspace = membership.workspace
            request.membership = membership
            with scope(membership.workspace_id):
                return view(request, *args, **kwargs)

        inner.role = role  # type: ignore[attr-defined]
        return inner

    return decorate
