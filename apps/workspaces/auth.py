"""Who calls the API: a bearer token, or a signed-in browser that names its workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.impersonation import API_SCOPES, is_impersonated
from apps.accounts.models import User
from apps.common.problems import Problem, not_found
from apps.common.statements import prepared, row_partial
from apps.common.tenancy import scope, scope_enter
from apps.workspaces.access import CLOSING, ApiRequest, membership_get
from apps.workspaces.limits import More, address_limit, request_limit
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace
from apps.workspaces.sight import MemberReader, role_at, role_in
from apps.workspaces.single_sign_on import session_suffices

WORKSPACE_HEADER = "Millrace-Workspace"
_USED_EVERY = timedelta(minutes=1)


_CALLER = """
    SELECT token.id, token.scopes, token.last_used_at, workspace.id, workspace.slug, workspace.name, workspace.plan,
        person.id, person.email, member.id, member.role
    FROM workspaces_apitoken AS token
    JOIN workspaces_workspace AS workspace ON workspace.id = token.workspace_id
    JOIN accounts_user AS person ON person.id = token.created_by_id AND person.is_active
    JOIN workspaces_membership AS member ON member.workspace_id = workspace.id AND member.user_id = person.id
    WHERE token.digest = %s AND token.revoked_at IS NULL AND token.expires_at > %s AND workspace.erase_at IS NULL
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


def forbidden(needed: str) -> Problem:
    """403 for who may not, though they see the thing."""
    detail = _("This needs the permission %(scope)s. Ask an admin of the workspace for it.") % {"scope": needed}
    return Problem("forbidden", 403, _("Not allowed"), detail)


_ADMIN_SCOPES = {
    TokenScope.KEYS_WRITE.value,
    TokenScope.BILLING_WRITE.value,
    TokenScope.AUDIT_READ.value,
    TokenScope.MEMBERS_WRITE.value,
}


def role_scopes(role: Role) -> frozenset[str]:
    """What a member may do over the API: guests and viewers read and comment, editors write, admins do the rest."""
    if role.includes(Role.ADMIN):
        return frozenset(TokenScope.values)
    if role.includes(Role.EDITOR):
        return frozenset(TokenScope.values) - _ADMIN_SCOPES
    return frozenset({TokenScope.READ.value, TokenScope.COMMENTS_WRITE.value})


def _token_read(digest: bytes, now: datetime) -> tuple[ApiToken, MemberReader] | None:
    """The valid token with this digest, its workspace and its maker; what else they have is read where it is asked for.

    A token never outlives or outranks the membership of who made it.
    """
    with prepared() as cursor:
        cursor.execute(_CALLER, [digest, now])
        row = cursor.fetchone()
    if row is None:
        return None
    token_id, scopes, last_used_at, workspace_id, slug, name, plan, person_id, email, member_id, role = row
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
    return token, MemberReader(member_id, Role(role))


def _by_token(request: Any, secret: str) -> None:
    now = timezone.now()
    found = _token_read(ApiToken.digest_of(secret), now)
    if found is None:
        raise _unauthorised()
    token, reader = found
    if token.last_used_at is None or now - token.last_used_at > _USED_EVERY:
        ApiToken.objects.for_workspace(token.workspace_id).filter(id=token.id).update(last_used_at=now)
    request.token = token
    request.user = token.created_by
    request.workspace = token.workspace
    request.reader = reader


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
    request.reader = MemberReader.of(membership)


def access_holds(request: ApiRequest, project_id: UUID | None) -> bool:
    """Whether the caller of an operation that goes on answering may still read: token, membership and project."""
    people = Membership.objects.filter(workspace_id=request.workspace.id, user_id=request.user.id)
    membership = people.select_related("workspace").filter(user__is_active=True).first()
    if membership is None:
        return False
    # A stream is read after its request, whose scope is closed by then.
    with scope(request.workspace.id):
        if role_in(MemberReader.of(membership), project_id) is None:
            return False
    if request.token is None:
        return True
    tokens = ApiToken.objects.for_workspace(request.workspace.id)
    return tokens.filter(id=request.token.id, revoked_at=None, expires_at__gt=timezone.now()).exists()


def _body_project(request: Any) -> UUID | None:
    """The project that a JSON body names in ``project``."""
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        return UUID(json.loads(request.body).get("project") or "")
    return None


def _role_here(request: Any, *, by_body: bool) -> Role:
    """In the project that the address, or else the body, names; in the workspace where neither does."""
    reader: MemberReader = request.reader
    project_id = _body_project(request) if by_body else None
    if project_id is not None:
        return role_in(reader, project_id) or reader.at_most(reader.role)
    return role_at(reader, request.resolver_match.kwargs)


def api_auth(
    needed: str, *, more: More = "", guests: bool = False, by_body: bool = False, role_later: bool = False
) -> Callable[[HttpRequest], bool]:
    """Authentication for one API operation that needs the scope ``needed``; opens the tenant scope for the caller.

    ``more``: the limit that it draws on beside those of every request. What starts paid work does not pass while nobody
    can say what is left. Guests are let in only with ``guests``. With ``by_body`` the JSON body's ``project`` is where
    the role counts; with ``role_later`` the operation asks for the role in the project itself, in a statement it makes
    anyhow: it must.
    """

    def authenticate(request: Any) -> bool:
        request._dont_enforce_csrf_checks = False
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        request.token = None
        try:
            if scheme.lower() == "bearer":
                _by_token(request, secret.strip())
            else:
                _by_session(request)
        except Problem:
            address_limit(request, "strangers")
            raise
        request_limit(request, more=more)
        reader: MemberReader = request.reader
        scope_enter(request.workspace.id, reader)
        later = role_later and needed in role_scopes(reader.at_most(reader.role))
        request.role = reader.role if later else _role_here(request, by_body=by_body)
        request.scopes = role_scopes(request.role)
        if request.token is not None:
            request.scopes &= frozenset(request.token.scopes)
        elif is_impersonated(request):
            request.scopes &= API_SCOPES
        if needed not in request.scopes or (reader.role is Role.GUEST and not guests):
            raise Problem("closing", 403, _("Not allowed"), str(CLOSING)) if reader.looks_only else forbidden(needed)
        return True

    authenticate.scope = needed  # type: ignore[attr-defined]
    authenticate.guests = guests  # type: ignore[attr-defined]
    return authenticate
