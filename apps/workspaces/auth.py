"""Who calls the API: a bearer token, or a signed-in browser that names its workspace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.impersonation import API_SCOPES, is_impersonated
from apps.accounts.models import User
from apps.common.problems import Problem, not_found
from apps.common.statements import prepared, row_partial
from apps.common.tenancy import scope_enter
from apps.workspaces.access import ApiRequest, membership_get
from apps.workspaces.limits import More, address_limit, request_limit
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace
from apps.workspaces.single_sign_on import session_suffices

WORKSPACE_HEADER = "Millrace-Workspace"
_USED_EVERY = timedelta(minutes=1)


_CALLER = """
    SELECT token.id, token.scopes, token.last_used_at, workspace.id, workspace.slug, workspace.name, workspace.plan,
        person.id, person.email, member.role
    FROM workspaces_apitoken AS token
    JOIN workspaces_workspace AS workspace ON workspace.id = token.workspace_id
    JOIN accounts_user AS person ON person.id = token.created_by_id AND person.is_active
    JOIN workspaces_membership AS member ON member.workspace_id = workspace.id AND member.user_id = person.id
    WHERE token.digest = %s AND token.revoked_at IS NULL AND token.expires_at > %s
"""


def _unauthorised() -> Problem:
    problem = Problem(
        "unauthorised",
        401,
        _("Not signed in"),
        _("Send `Authorization: Bearer mr_…` with a token that has not expired."),
    )
    problem.headers["WWW-Authenticate"] = "Bearer"
    return problem


def _forbidden(needed: str) -> Problem:
    detail = _("This needs the permission %(scope)s. Ask an admin of the workspace for it.") % {"scope": needed}
    return Problem("forbidden", 403, _("Not allowed"), detail)


def role_scopes(role: Role) -> frozenset[str]:
    """What a signed-in member may do over the API: viewers read, editors write, admins keep keys and money."""
    if role.includes(Role.ADMIN):
        return frozenset(TokenScope.values)
    editor = frozenset(TokenScope.values) - {TokenScope.KEYS_WRITE.value, TokenScope.BILLING_WRITE.value}
    return editor if role.includes(Role.EDITOR) else frozenset({TokenScope.READ.value})


def _token_read(digest: bytes, now: datetime) -> tuple[ApiToken, Role] | None:
    """The valid token with this digest, its workspace and its maker; what else they have is read where it is asked for.

    A token never outlives or outranks the membership of who made it.
    """
    with prepared() as cursor:
        cursor.execute(_CALLER, [digest, now])
        row = cursor.fetchone()
    if row is None:
        return None
    token_id, scopes, last_used_at, workspace_id, slug, name, plan, person_id, email, role = row
    token = row_partial(
        ApiToken,
        id=token_id,
        workspace_id=workspace_id,
        created_by_id=person_id,
        scopes=scopes,
        last_used_at=last_used_at,
    )
    token.workspace = row_partial(Workspace, id=workspace_id, slug=slug, name=name, plan=plan)
    token.created_by = row_partial(User, id=person_id, email=email, is_active=True)
    return token, Role(role)


def _by_token(request: Any, secret: str) -> None:
    now = timezone.now()
    found = _token_read(ApiToken.digest_of(secret), now)
    if found is None:
        raise _unauthorised()
    token, role = found
    if token.last_used_at is None or now - token.last_used_at > _USED_EVERY:
        ApiToken.objects.for_workspace(token.workspace_id).filter(id=token.id).update(last_used_at=now)
    request.token = token
    request.user = token.created_by
    request.workspace = token.workspace
    request.role = role
    request.scopes = frozenset(token.scopes) & role_scopes(request.role)


def _by_session(request: Any) -> None:
    if not request.user.is_authenticated:
        raise _unauthorised()
    refused = CsrfViewMiddleware(lambda _: None).process_view(request, lambda: None, (), {})  # type: ignore[arg-type,return-value]
    if refused is not None:
        raise Problem("csrf", 403, _("Not allowed"), _("Reload the page and try again."))
    membership = membership_get(request.user, request.headers.get(WORKSPACE_HEADER, ""))
    if membership is None:
        raise not_found()
    if not session_suffices(membership, request.session):
        detail = _("This workspace asks for its own sign-in. Open one of its pages, and sign in there.")
        raise Problem("sign-on-required", 403, _("Not allowed"), detail)
    request.token = None
    request.workspace = membership.workspace
    request.role = Role(membership.role)
    request.scopes = role_scopes(request.role)
    if is_impersonated(request):
        request.scopes &= API_SCOPES


def access_holds(request: ApiRequest) -> bool:
    """Whether the caller of an operation that goes on answering may still read: token and membership, asked again."""
    people = Membership.objects.filter(workspace_id=request.workspace.id, user_id=request.user.id)
    if not people.filter(user__is_active=True).exists():
        return False
    if request.token is None:
        return True
    tokens = ApiToken.objects.for_workspace(request.workspace.id)
    return tokens.filter(id=request.token.id, revoked_at=None, expires_at__gt=timezone.now()).exists()


def api_auth(needed: str, *, more: More = "") -> Callable[[HttpRequest], bool]:
    """Authentication for one API operation that needs the scope ``needed``; opens the tenant scope.

    ``more``: the limit that it draws on beside those of every request. What starts paid work does not pass while nobody
    can say what is left.
    """

    def authenticate(request: HttpRequest) -> bool:
        request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined]
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer":
                _by_token(request, secret.strip())
            else:
                _by_session(request)
        except Problem:
            address_limit(request, "strangers")
            raise
        request_limit(request, more=more)
        if needed not in request.scopes:  # type: ignore[attr-defined]
            raise _forbidden(needed)
        scope_enter(request.workspace.id)  # type: ignore[attr-defined]
        return True

    authenticate.scope = needed  # type: ignore[attr-defined]
    return authenticate
