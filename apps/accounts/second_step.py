"""What allauth keeps of second steps: sealed, so that a copy of the database makes no codes."""

from __future__ import annotations

import base64

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from apps.accounts.models import User
from apps.accounts.sessions import sessions_end
from apps.common import sealing

_ABOUT = "second step"
# Where allauth keeps a secret, by type.
_SECRETS = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals with the newest of ``SECRETS_KEYS``, whose id stands before the sealed text."""

    def encrypt(self, text: str) -> str:
        """``key id:base64``."""
        key_id, sealed = sealing.rewrap(text.encode(), about=_ABOUT)
        return f"{key_id}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; sealing.Unsealable with keys that are not here."""
        key_id, _colon, sealed = encrypted_text.partition(":")
        return sealing.unwrap(key_id, base64.b64decode(sealed), about=_ABOUT).decode()

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        """The name that the browser shows beside a passkey."""
        entity: dict[str, object] = super().get_public_key_credential_user_entity(user)
        return {**entity, "display_name": user.get_full_name()}


@transaction.atomic
def second_steps_reset(*, user: User) -> None:
    """Take every second step and passkey from a person who lost theirs, and end their sessions."""
    Authenticator.objects.filter(user=user).delete()
    sessions_end(user=user)


def second_steps_rotate() -> int:
    """Seal every second step with the newest key of the environment; how many were not yet."""
    adapter, newest, count = SecondStepAdapter(), sealing.newest_key_id(), 0
    for row in Authenticator.objects.filter(type__in=_SECRETS).iterator():
        field = _SECRETS[Authenticator.Type(row.type)]
        sealed = row.data.get(field, "")
        if sealed and not sealed.startswith(f"{newest}:"):
            row.data[field] = adapter.encrypt(adapter.decrypt(sealed))
            row.save(update_fields=["data"])
            count += 1
    return count
