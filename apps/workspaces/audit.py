"""The audit log's door: what was done, by whom, from where. An entry joins the transaction of what it tells of.

Runs of the same workspace do not wait for each other here: the chain is made when the transaction commits.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import User
from apps.common.models import TenantModel
from apps.common.origin import Origin, current_origin
from apps.common.tenancy import unscoped
from apps.workspaces.audit_entries import ActorKind, AuditEntry

# Names of values that are never written down, whoever hands them in; a change of one is told without its value.
SECRETS = ("password", "secret", "token", "key", "digest", "signature", "authorization", "cookie", "sealed", "wrapped")
# Names of values that may name a person, kept where they can be forgotten.
PERSONAL = ("email", "name_of_person", "person", "invited", "address", "phone")
HIDDEN = "•••"
_TEXT_MAX = 500
_JSON_MAX = 8_000
Json = dict[str, Any]


def audit_record(
    *,
    workspace_id: UUID,
    action: str,
    target: str = "",
    target_id: UUID | str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Write down one act, in the caller's transaction.

    ``action`` is the service's ``noun_verb``; ``target`` is what it was done to, as it is called now. Of ``before``
    and ``after`` only what differs is kept, secrets (``SECRETS``) without their value; where both are given and
    nothing differs, nothing was done. Who and from where is the
    request's; ``actor_id`` names another person, and a task that acts for nobody is the system.
    """
    old, new = _changes(_plain(before or {}), _plain(after or {}))
    if before and after and not old and not new:
        return
    entry = AuditEntry(
        workspace_id=workspace_id,
        created_at=timezone.now(),
        action=action[:60],
        target_id=str(target_id or "")[:100],
        before=_split(old, personal=False),
        after=_split(new, personal=False),
        subject_salt=secrets.token_bytes(32),
        subject=_without_empty(
            label=_text(target), before=_split(old, personal=True), after=_split(new, personal=True)
        ),
        actor_salt=secrets.token_bytes(32),
        **_actor(current_origin(), actor_id),
    )
    entry.actor_seal = commitment(bytes(entry.actor_salt or b""), entry.actor)
    entry.subject_seal = commitment(bytes(entry.subject_salt or b""), entry.subject)
    entry.digest = entry_digest(entry)
    entry.save(force_insert=True)


def audit_row(
    action: str,
    row: TenantModel,
    actor_id: UUID | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down an act on a row of a workspace, which is called as it calls itself."""
    audit_record(
        workspace_id=row.workspace_id,
        action=action,
        target=str(row),
        target_id=row.pk,
        before=before,
        after=after,
        actor_id=actor_id,
    )


def person_forget(*, user_id: UUID, email: str) -> int:
    """Take a person's names, addresses and browsers out of every log; how many entries named them.

    Ids stay, and tell nothing once the person's row is gone. Chains stay whole.
    """
    with unscoped("a person is forgotten everywhere"):
        theirs = AuditEntry.objects.filter(actor_id=user_id, actor_salt__isnull=False)
        count: int = theirs.update(actor={}, actor_salt=None)
        named = Q(target_id=str(user_id)) | Q(subject__label__icontains=email)
        for key in PERSONAL:
            for side in ("before", "after"):
                named |= Q(**{f"subject__{side}__{key}__iexact": email})
        about = AuditEntry.objects.filter(named, subject_salt__isnull=False)
        named_in: int = about.update(subject={}, subject_salt=None)
        return count + named_in


# --- What an entry is made of ------------------------------------------------------------------------------------


def commitment(salt: bytes, words: Json) -> bytes:
    """What stands for ``words`` in the digest: tells nothing of them without the salt."""
    return hashlib.sha256(salt + _canonical(words)).digest()


def entry_digest(entry: AuditEntry) -> bytes:
    """SHA-256 of an entry: every column but the chain's own, the personal ones by their commitment. 32 bytes."""
    row = {
        "v": 1,
        "id": str(entry.id),
        "workspace": str(entry.workspace_id),
        "at": entry.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor_kind": str(entry.actor_kind),
        "actor_id": str(entry.actor_id or ""),
        "token_id": str(entry.token_id or ""),
        "target_id": entry.target_id,
        "before": entry.before,
        "after": entry.after,
        "actor": bytes(entry.actor_seal).hex(),
        "subject": bytes(entry.subject_seal).hex(),
    }
    return hashlib.sha256(_canonical(row)).digest()


def chain_hash(previous: bytes, seq: int, digest: bytes) -> bytes:
    """The link after ``previous`` (b"" at the beginning), as the database makes it."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + digest).digest()


def _canonical(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _actor(origin: Origin, actor_id: UUID | None) -> dict[str, Any]:
    # Whoever looks through a person's eyes has done what is done meanwhile.
    person, token = origin.staff or origin.person, origin.token
    if origin.staff is not None:
        actor_id = None
    if actor_id is not None and actor_id != getattr(person, "pk", None):
        # An act that somebody else asked for earlier: where from is no longer known.
        person, token = User.objects.filter(id=actor_id).first() or User(id=actor_id), None
        origin = Origin()
    kind = ActorKind.SYSTEM if person is None else ActorKind.PERSON if token is None else ActorKind.TOKEN
    words = {
        "name": "" if person is None else _text(person.get_full_name()),
        "email": "" if person is None else _text(person.email),
        "token": "" if token is None else _text(token.name),
        "address": origin.address,
        "agent": _text(origin.agent),
    }
    return {
        "actor_kind": kind,
        "actor_id": None if person is None else person.pk,
        "token_id": None if token is None else token.pk,
        "actor": _without_empty(**words),
    }


def _changes(old: Json, new: Json) -> tuple[Json, Json]:
    missing = object()
    same = {name for name in old if new.get(name, missing) == old[name]}
    return _hide({k: v for k, v in old.items() if k not in same}), _hide(
        {k: v for k, v in new.items() if k not in same}
    )


def _hide(values: Json) -> Json:
    return {name: HIDDEN if _is_secret(name) else value for name, value in values.items()}


def _is_secret(name: str) -> bool:
    return any(part in SECRETS for part in name.lower().split("_"))


def _split(values: Json, *, personal: bool) -> Json:
    return {name: value for name, value in values.items() if (name in PERSONAL) is personal}


def _without_empty(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value}


def _text(value: str) -> str:
    """As PostgreSQL keeps it: no NUL, no half of a surrogate pair, and of a length to be read."""
    clean = value.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= _TEXT_MAX else clean[:_TEXT_MAX] + "…"


def _plain(values: Mapping[str, Any]) -> Json:
    """JSON that reads back from the database as it was written. Too much of it is said to be too much."""
    plain = {_text(str(name)): _value(value) for name, value in values.items()}
    if len(_canonical(plain)) <= _JSON_MAX:
        return plain
    return {name: value if len(str(value)) < 100 else "…" for name, value in list(plain.items())[:50]}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {_text(str(name)): HIDDEN if _is_secret(str(name)) else _value(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_value(part) for part in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    # A fraction too: jsonb keeps numbers as it likes, and then another text would be hashed.
    return _text(str(value))
