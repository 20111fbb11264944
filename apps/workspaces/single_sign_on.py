"""A workspace's own sign-in: kept here, offered to allauth, and what follows when somebody came through it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
import structlog
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.outbound import OutboundSession
from apps.workspaces.audit import audit_record
from apps.workspaces.models import SIGN_ON_PREFIX, Membership, Role, SingleSignOn, Workspace
from apps.workspaces.secrets import secret_open, secret_seal

log = structlog.get_logger(__name__)

# In the session: when this browser came through which workspace's provider.
_CAME = "single_sign_on"
LASTS = timedelta(hours=24)
DISCOVERY = "/.well-known/openid-configuration"


class SingleSignOnInvalid(ValueError):
    """These settings cannot be kept; ``field`` is the one to look at."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def outbound() -> OutboundSession:
    """For requests to identity providers."""
    return OutboundSession(
        timeout_s=settings.SOCIALACCOUNT_REQUESTS_TIMEOUT, internal=frozenset(settings.SSO_INTERNAL_HOSTS)
    )


def sign_on_of(workspace_id: UUID) -> SingleSignOn | None:
    """A workspace's own sign-in, if it has one."""
    found: SingleSignOn | None = SingleSignOn.objects.for_workspace(workspace_id).first()
    return found


def sign_on_set(
    *,
    workspace_id: UUID,
    name: str,
    issuer: str,
    client_id: str,
    secret: str,
    role: Role = Role.EDITOR,
    required: bool = False,
) -> SingleSignOn:
    """Keep the provider, asked first whether it is one. An empty ``secret`` keeps the one before.

    Another issuer or client is another provider: identities of the one before no longer open anything. Raises
    SingleSignOnInvalid with nothing changed.
    """
    issuer = issuer.strip().removesuffix(DISCOVERY).rstrip("/")
    discovery_check(issuer)
    with transaction.atomic():
        Workspace.objects.select_for_update().get(id=workspace_id)
        before = sign_on_of(workspace_id)
        old = _told(before)
        same = before is not None and (before.issuer, before.client_id) == (issuer, client_id.strip())
        if not secret and not same:
            raise SingleSignOnInvalid("secret", _("Enter the client secret that the provider gave you."))
        row = before if before is not None and same else SingleSignOn(workspace_id=workspace_id)
        if before is not None and not same:
            _forget(before)
        row.name, row.issuer, row.client_id = name.strip(), issuer, client_id.strip()
        row.role, row.required = role, required
        if secret:
            row.sealed = secret_seal(workspace_id=workspace_id, secret_id=row.id, plain=secret.strip())
        row.save()
        # That there is a new secret is told, and never what it is.
        _tell("sign_on_set", row, before=old, after={**_told(row), **({"secret": True} if secret else {})})
    return row


def _told(row: SingleSignOn | None) -> dict[str, Any]:
    names = ("name", "issuer", "client_id", "role", "required")
    return {} if row is None else {name: getattr(row, name) for name in names}


def _tell(action: str, row: SingleSignOn, **changed: Any) -> None:
    audit_record(workspace_id=row.workspace_id, action=action, target=row.name, target_id=row.id, **changed)


def _forget(row: SingleSignOn) -> None:
    SocialAccount.objects.filter(provider=row.provider_id).delete()
    SingleSignOn.objects.for_workspace(row.workspace_id).filter(id=row.id).delete()


def sign_on_remove(*, workspace_id: UUID) -> None:
    """Forget the provider and who people are there. Members stay, and sign in as others do."""
    with transaction.atomic():
        row = sign_on_of(workspace_id)
        if row is not None:
            _tell("sign_on_remove", row, before=_told(row))
            _forget(row)


def discovery_check(issuer: str) -> None:
    """SingleSignOnInvalid unless an OpenID Connect provider that calls itself ``issuer`` answers there.

    OpenID Connect Discovery 1.0, section 4.3: the issuer in the document is the one that was asked.
    """
    host = urlsplit(issuer).hostname or ""
    if not issuer.startswith("https://") and host not in settings.SSO_INTERNAL_HOSTS:
        raise SingleSignOnInvalid("issuer", _("The address has to begin with https://."))
    try:
        with outbound() as session:
            answer = session.get(issuer + DISCOVERY)
            answer.raise_for_status()
            found = answer.json()
    except (requests.RequestException, ValueError) as error:
        log.info("no identity provider", action="sign_on_check", issuer=issuer, error=str(error)[:200])
        message = _("No OpenID Connect provider answers at this address. Copy the issuer from its settings.")
        raise SingleSignOnInvalid("issuer", message) from error
    named = found.get("issuer", "") if isinstance(found, dict) else ""
    if str(named).rstrip("/") != issuer:
        message = _("The provider there calls itself %(named)s. Enter that address.") % {"named": str(named)[:200]}
        raise SingleSignOnInvalid("issuer", message)


class SignInAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's other ways in: those of the settings, and each workspace's own."""

    def list_apps(self, request: Any, provider: str | None = None, client_id: str | None = None) -> list[SocialApp]:
        """A workspace's own is not listed among the others; it is found by its name."""
        if provider is None or not provider.startswith(SIGN_ON_PREFIX):
            found: list[SocialApp] = super().list_apps(request, provider=provider, client_id=client_id)
            return found
        app = _app(provider)
        return [app] if app is not None and client_id in (None, app.client_id) else []

    def pre_social_login(self, request: Any, sociallogin: SocialLogin) -> None:
        """No provider of a workspace vouches for an address."""
        if sociallogin.account.provider.startswith(SIGN_ON_PREFIX):
            for address in sociallogin.email_addresses:
                address.verified = False

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        """Only providers that this site trusts sign in whoever has the address."""
        if login.account.provider.startswith(SIGN_ON_PREFIX):
            return False
        return bool(super().can_authenticate_by_email(login, email))

    def get_requests_session(self) -> requests.Session:
        """With a time limit, a size limit, and to public hosts only."""
        return outbound()


def _app(provider_id: str) -> SocialApp | None:
    row = _by_provider(provider_id)
    if row is None:
        return None
    return SocialApp(
        provider="openid_connect",
        provider_id=row.provider_id,
        name=row.name,
        client_id=row.client_id,
        secret=secret_open(workspace_id=row.workspace_id, secret_id=row.id, sealed=bytes(row.sealed)),
        settings={"server_url": row.issuer, "oauth_pkce_enabled": True},
    )


def _by_provider(provider_id: str) -> SingleSignOn | None:
    try:
        workspace_id = UUID(provider_id.removeprefix(SIGN_ON_PREFIX))
    except ValueError:
        return None
    return sign_on_of(workspace_id)


# --- Who came through ----------------------------------------------------------------------------------------------


def came_through(request: Any, sociallogin: SocialLogin) -> None:
    """A person signed in with, or connected, an identity of a workspace's provider: they are in, and it is noted."""
    provider_id: str = sociallogin.account.provider
    row = _by_provider(provider_id) if provider_id.startswith(SIGN_ON_PREFIX) else None
    if row is None:
        return
    person = sociallogin.user if sociallogin.user.pk else request.user
    with transaction.atomic():
        _member, made = Membership.objects.get_or_create(
            workspace_id=row.workspace_id, user=person, defaults={"role": row.role}
        )
        if made:
            _tell("sign_on_join", row, actor_id=person.pk, after={"role": row.role})
    if made:
        log.info("joined", action="sign_on_join", workspace=str(row.workspace_id), user=str(person.pk))
    request.session[_CAME] = {**request.session.get(_CAME, {}), str(row.workspace_id): timezone.now().isoformat()}


def session_suffices(membership: Membership, session: Any) -> bool:
    """Whether a session may enter the workspace, or must come through its provider first."""
    row: SingleSignOn | None = getattr(membership.workspace, "single_sign_on", None)
    if row is None or not row.required or membership.role == Role.OWNER:
        return True
    return session_came(membership.workspace_id, session)


def session_came(workspace_id: UUID, session: Any) -> bool:
    """Whether a session came through the workspace's provider within the last day."""
    came = session.get(_CAME, {}).get(str(workspace_id))
    return came is not None and timezone.now() - datetime.fromisoformat(came) < LASTS
