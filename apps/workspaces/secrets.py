"""A workspace's secrets: sealed with its own data key, opened only where one is sent."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from apps.common import sealing
from apps.common.tenancy import unscoped
from apps.workspaces.models import DataKey


def secret_seal(*, workspace_id: UUID, secret_id: UUID, plain: str) -> bytes:
    """Sealed for this row of this workspace only."""
    return sealing.seal(_data_key(workspace_id), plain.encode(), about=_about(workspace_id, secret_id))


def secret_open(*, workspace_id: UUID, secret_id: UUID, sealed: bytes) -> str:
    """The secret; sealing.Unsealable when it was moved, changed, or sealed with keys that are not here."""
    return sealing.unseal(_data_key(workspace_id), bytes(sealed), about=_about(workspace_id, secret_id)).decode()


def data_keys_rotate() -> int:
    """Wrap every data key with the newest key of the environment; how many were not yet."""
    newest, count = sealing.newest_key_id(), 0
    with unscoped("the keys of the site change for every workspace"):
        stale = list(DataKey.objects.exclude(key_id=newest).values_list("workspace_id", flat=True))
    for workspace_id in stale:
        with transaction.atomic():
            row = DataKey.objects.for_workspace(workspace_id).select_for_update().get()
            about = str(workspace_id)
            row.key_id, row.wrapped = sealing.rewrap(
                sealing.unwrap(row.key_id, bytes(row.wrapped), about=about), about=about
            )
            row.save(update_fields=["key_id", "wrapped"])
        count += 1
    return count


def _about(workspace_id: UUID, secret_id: UUID) -> str:
    return f"{workspace_id}|{secret_id}"


def _data_key(workspace_id: UUID) -> bytes:
    rows = DataKey.objects.for_workspace(workspace_id)
    row = rows.first()
    if row is None:
        key_id, wrapped = sealing.wrap_new(about=str(workspace_id))
        # Two at once: the first one's key holds for both.
        row, _made = rows.get_or_create(workspace_id=workspace_id, defaults={"key_id": key_id, "wrapped": wrapped})
    return sealing.unwrap(row.key_id, bytes(row.wrapped), about=str(workspace_id))
