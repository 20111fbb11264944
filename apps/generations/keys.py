"""Keys of a workspace's own with vendors: kept sealed, chosen for a call, never given out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.ids import uuid7
from apps.common.tenancy import unscoped
from apps.generations.models import SENT, AllowedAddress, Generation, ProviderKey
from apps.providers.base import Credentials
from apps.workspaces.audit import audit_record
from apps.workspaces.secrets import secret_open, secret_seal

# Vendors that people run themselves: they have an address and need no key.
SELF_RUN = frozenset({"ollama", "comfyui"})
KEY_MAX = 500
HINT = 4
# Workspace, provider and project: where a key takes the place of the one before it.
_Place = tuple[UUID, str, UUID | None]


class KeyInvalid(ValueError):
    """This key cannot be kept; the message says why, ``field`` what to change: ``key`` or ``base_url``."""

    def __init__(self, message: str, field: str = "key") -> None:
        super().__init__(message)
        self.field = field


def key_set(
    *,
    workspace_id: UUID,
    provider: str,
    key: str,
    project_id: UUID | None = None,
    base_url: str = "",
    actor_id: UUID | None = None,
) -> ProviderKey:
    """Keep a key, for one project or for all; the one before it is erased. Raises KeyInvalid.

    What was sent with the one before is asked for with this one: a vendor knows a job by its account.
    """
    key, base_url = key.strip(), base_url.strip().rstrip("/")
    _check(provider, key, base_url)
    row = ProviderKey(
        id=uuid7(),
        workspace_id=workspace_id,
        project_id=project_id,
        provider=provider,
        hint=key[-HINT:] if len(key) >= 4 * HINT else "",
        base_url=base_url,
        created_by_id=actor_id,
    )
    row.sealed = secret_seal(workspace_id=workspace_id, secret_id=row.id, plain=key)
    with transaction.atomic():
        now = timezone.now()
        _live(workspace_id, provider, project_id).update(revoked_at=now)
        _of_place(workspace_id, provider, project_id).exclude(sealed=b"").update(sealed=b"")
        row.save(force_insert=True)
        told = {"provider": provider, "project": project_id, "base_url": base_url, "hint": row.hint}
        audit_record(
            workspace_id=workspace_id,
            action="provider_key_set",
            target=provider,
            target_id=row.id,
            after=told,
            actor_id=actor_id,
        )
    return row


def _check(provider: str, key: str, base_url: str) -> None:
    if provider in SELF_RUN:
        if not AllowedAddress.objects.filter(provider=provider, base_url=base_url).exists():
            raise KeyInvalid(_("This address is not allowed here. Ask the staff of this site to allow it."), "base_url")
        if key and not key.isascii():
            raise KeyInvalid(_("This does not look like a key: it has characters that keys do not have."))
        return
    if base_url:
        raise KeyInvalid(_("This vendor has an address of its own. Leave the address empty."), "base_url")
    if not 8 <= len(key) <= KEY_MAX:
        raise KeyInvalid(_("A key has 8 to 500 characters. Copy it once more from the vendor's page."))
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyInvalid(_("This does not look like a key: it has characters that keys do not have."))


def key_revoke(*, workspace_id: UUID, provider: str, project_id: UUID | None = None) -> bool:
    """Send nothing more with a key: calls that are to be made with it fail and cost nothing. Whether there was one.

    It stays sealed, for asking alone, until what was sent with it has ended, and is erased then.
    """
    with transaction.atomic():
        found = bool(_live(workspace_id, provider, project_id).update(revoked_at=timezone.now()))
        if found:
            before = {"provider": provider, "project": project_id}
            audit_record(workspace_id=workspace_id, action="provider_key_revoke", target=provider, before=before)
    # Only now: whoever read it as usable before has a row that says so, and whoever looks after this sends nothing.
    keys_erase()
    return found


def keys_erase() -> int:
    """Erase removed keys that nothing is under way with any more; how many."""
    with unscoped("removed keys of every workspace"):
        removed = list(ProviderKey.objects.filter(revoked_at__isnull=False).exclude(sealed=b""))
        used = _under_way(removed) if removed else {}
        idle = [key.id for key in removed if not used.get(_place(key))]
        return ProviderKey.objects.filter(id__in=idle).update(sealed=b"") if idle else 0


def removed_in_use(workspace_id: UUID) -> dict[str, int]:
    """Calls under way with a key that was removed, by vendor."""
    removed = list(_rows(workspace_id).filter(revoked_at__isnull=False).exclude(sealed=b""))
    used = _under_way(removed) if removed else {}
    counts: Counter[str] = Counter()
    for key in removed:
        counts[key.provider] += used.get(_place(key), 0)
    return counts


def _under_way(keys: Collection[ProviderKey]) -> Mapping[_Place, int]:
    """Calls that were sent with one of these keys, or with one whose place it took, by the place."""
    places = {_place(key) for key in keys}
    among = {"workspace_id__in": {key.workspace_id for key in keys}}
    at = {key.id: _place(key) for key in ProviderKey.objects.filter(**among) if _place(key) in places}
    counts: Counter[_Place] = Counter()
    for key_id in Generation.objects.filter(**among, state__in=SENT, key_id__in=at).values_list("key_id", flat=True):
        counts[at[key_id]] += 1
    return counts


def _place(key: ProviderKey) -> _Place:
    return key.workspace_id, key.provider, key.project_id


def _rows(workspace_id: UUID) -> QuerySet[ProviderKey]:
    rows: QuerySet[ProviderKey] = ProviderKey.objects.for_workspace(workspace_id)
    return rows


def _of_place(workspace_id: UUID, provider: str, project_id: UUID | None) -> QuerySet[ProviderKey]:
    return _rows(workspace_id).filter(provider=provider, project_id=project_id)


def _live(workspace_id: UUID, provider: str, project_id: UUID | None) -> QuerySet[ProviderKey]:
    return _of_place(workspace_id, provider, project_id).filter(revoked_at=None)


def keys_for(*, workspace_id: UUID, project_id: UUID | None) -> dict[str, ProviderKey]:
    """The keys that calls of this project are made with, by vendor: the project's own before the workspace's."""
    mine = _rows(workspace_id).filter(revoked_at=None).filter(Q(project_id=None) | Q(project_id=project_id))
    return {row.provider: row for row in sorted(mine, key=lambda row: row.project_id is not None)}


def own_providers(*, workspace_id: UUID, project_id: UUID | None) -> frozenset[str]:
    """The vendors whose calls are made with a key of the workspace's own, and cost no credits."""
    return frozenset(keys_for(workspace_id=workspace_id, project_id=project_id))


def address_allowed(row: ProviderKey) -> bool:
    """Whether its address may (still) be called; a vendor's own always may."""
    if row.provider not in SELF_RUN:
        return True
    return AllowedAddress.objects.filter(provider=row.provider, base_url=row.base_url).exists()


def key_credentials(row: ProviderKey) -> Credentials:
    """The key, opened, for whoever sends it now."""
    plain = secret_open(workspace_id=row.workspace_id, secret_id=row.id, sealed=bytes(row.sealed))
    return Credentials(plain, row.base_url)
