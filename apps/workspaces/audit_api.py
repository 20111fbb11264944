"""The workspace over HTTP: its audit log."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema

from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.workspaces.access import ApiRequest
from apps.workspaces.audit_chain import head_get
from apps.workspaces.audit_log import ORDER, AuditFilter, entries, entry_json
from apps.workspaces.auth import api_auth
from apps.workspaces.models import ActorKind

router = Router(tags=["workspaces"])
audit_read = api_auth("audit:read")


class AuditEntryOut(Schema):
    """One act. ``hash`` is SHA-256 of the hash before it, ``seq`` as 8 bytes, and the digest of the entry."""

    seq: int
    at: datetime
    action: str
    actor_kind: ActorKind
    actor_id: UUID | None
    actor: str
    token_id: UUID | None
    token: str
    target_id: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    address: str
    user_agent: str
    hash: str


class AuditOut(Schema):
    items: list[AuditEntryOut]
    next: str | None


class AuditQuery(Schema):
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    q: str = ""
    person: str = ""
    action: str = ""
    target: str = ""
    since: date | None = None
    until: date | None = None


class AuditHeadOut(Schema):
    """The end of the log, to be kept elsewhere; how far it was verified, and what is wrong with it, "" for nothing."""

    seq: int
    hash: str
    verified_seq: int
    verified_at: datetime | None
    broken: str


@router.get("/audit", auth=audit_read, response=AuditOut, summary="The audit log")
def audit(request: ApiRequest, query: Query[AuditQuery]) -> dict[str, Any]:
    """What was done in the workspace, the newest first."""
    given = query.dict(exclude={"limit", "cursor", "q"})
    rows = entries(request.workspace.id, AuditFilter(words=query.q, **given))
    found, following = keyset_page(rows, limit=query.limit, cursor=query.cursor, order=ORDER)
    return {"items": [entry_json(entry) for entry in found], "next": following}


@router.get("/audit/head", auth=audit_read, response=AuditHeadOut, summary="The end of the audit log")
def audit_head(request: ApiRequest) -> dict[str, Any]:
    """Keep it where whoever can change the database cannot: a log that was made anew does not fit it."""
    head = head_get(request.workspace.id)
    return {
        "seq": head.seq,
        "hash": bytes(head.hash).hex(),
        "verified_seq": head.verified_seq,
        "verified_at": head.verified_at,
        "broken": head.broken,
    }
