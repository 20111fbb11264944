"""Whether the audit logs still are what was written: every chain recomputed from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.utils import timezone

from apps.common.tenancy import scope
from apps.workspaces.audit import chain_hash, commitment, entry_digest
from apps.workspaces.models import AuditEntry, AuditHead, Workspace

log = structlog.get_logger(__name__)
_AT_ONCE = 500


@dataclass(frozen=True)
class ChainReport:
    """What a look at one chain found: the last entry that is whole, and what is wrong after it ("" for nothing)."""

    workspace_id: UUID
    seq: int
    hash: bytes
    broken: str = ""


@dataclass(frozen=True)
class Anchor:
    """The head of a chain as it was once, kept where whoever can change the database cannot."""

    workspace_id: UUID
    seq: int
    hash: bytes


def workspaces_audited() -> list[UUID]:
    """Every workspace; each has a chain, if an empty one."""
    return list(Workspace.objects.order_by("id").values_list("id", flat=True))


def head_get(workspace_id: UUID) -> AuditHead:
    """The head of a workspace's chain; an empty one before its first entry."""
    found: AuditHead | None = AuditHead.objects.for_workspace(workspace_id).first()
    return found or AuditHead(workspace_id=workspace_id)


def chain_verify(workspace_id: UUID, *, anchor: Anchor | None = None, after: int = 0) -> ChainReport:
    """Recompute a chain and hold it against its head and, when there is one, an anchor. Changes nothing.

    ``after``: begin behind this entry, whose own hash is taken as it stands.
    """
    with scope(workspace_id):
        head = head_get(workspace_id)
        start = AuditEntry.objects.filter(seq=after).first() if after else None
        if after and start is None:
            return ChainReport(workspace_id, 0, b"", f"entry {after} is missing")
        seq, link = after, bytes(start.hash or b"") if start else b""
        for entry in _entries(after, head.seq):
            if problem := _problem(entry, seq, link):
                return ChainReport(workspace_id, seq, link, problem)
            seq, link = entry.seq or 0, bytes(entry.hash or b"")
            if anchor is not None and anchor.seq == seq and anchor.hash != link:
                return ChainReport(workspace_id, seq - 1, link, f"entry {seq} is not the one that was anchored")
        return ChainReport(workspace_id, seq, link, _end_problem(head, seq, link, anchor))


def chain_check(workspace_id: UUID, *, whole: bool) -> ChainReport:
    """Verify, and keep what was found for people to see. Not ``whole``: only what came since the last time."""
    head = head_get(workspace_id)
    if head.seq == 0:
        return ChainReport(workspace_id, 0, b"")
    after = 0 if whole or head.broken else head.verified_seq
    report = chain_verify(workspace_id, after=after)
    if report.broken and report.broken != head.broken:
        log.error("audit log broken", action="chain_check", workspace=str(workspace_id), found=report.broken)
    AuditHead.objects.for_workspace(workspace_id).update(
        verified_seq=report.seq, verified_at=timezone.now(), broken=report.broken[:300]
    )
    return report


def _entries(after: int, until: int) -> Iterator[AuditEntry]:
    while after < until:
        rows = list(AuditEntry.objects.filter(seq__gt=after, seq__lte=until).order_by("seq")[:_AT_ONCE])
        yield from rows
        if not rows:
            return
        after = rows[-1].seq


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _problem(entry: AuditEntry, seq: int, link: bytes) -> str:
    assert entry.seq is not None
    if entry.seq != seq + 1:
        return _missing(seq + 1, entry.seq - 1)
    digest = bytes(entry.digest)
    if entry_digest(entry) != digest:
        return f"entry {entry.seq} was changed after it was written"
    for words, salt, seal, name in (
        (entry.actor, entry.actor_salt, entry.actor_seal, "who did it"),
        (entry.subject, entry.subject_salt, entry.subject_seal, "what it was done to"),
    ):
        # Without a salt the words were forgotten: they must be gone, then.
        if words if salt is None else commitment(bytes(salt), words) != bytes(seal):
            return f"entry {entry.seq}: {name} was changed after it was written"
    if chain_hash(link, entry.seq, digest) != bytes(entry.hash or b""):
        return f"entry {entry.seq} does not follow from entry {seq}"
    return ""


def _end_problem(head: AuditHead, seq: int, link: bytes, anchor: Anchor | None) -> str:
    if seq != head.seq:
        return _missing(seq + 1, head.seq)
    if link != bytes(head.hash):
        return f"the head does not follow from entry {seq}"
    if anchor is not None and anchor.seq > seq:
        return f"the log ends at entry {seq}, but entry {anchor.seq} was anchored"
    return ""
