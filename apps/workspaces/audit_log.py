"""The audit log as admins read it: searched, newest first, and handed out line by line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from apps.workspaces.audit_values import field_words, fields_called, numbers_meant, value_words
from apps.workspaces.audit_words import ACTIONS, action_words
from apps.workspaces.models import AuditEntry

ORDER = ("-seq",)
_AT_ONCE = 500
COLUMNS = (
    "seq", "at", "action", "actor_kind", "actor_id", "actor", "token_id", "token", "target_id", "target",
    "before", "after", "address", "user_agent", "hash",
)  # fmt: skip


@dataclass(frozen=True)
class AuditFilter:
    """What to show; empty fields show everything. Days are whole days of the current time zone, both included."""

    words: str = ""
    person: str = ""
    action: str = ""
    target: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Changed:
    """One value that an act changed; None where there was, or is, none."""

    name: str
    before: str | None
    after: str | None


def entries(workspace_id: UUID, chosen: AuditFilter) -> QuerySet[AuditEntry]:
    """The chained entries that fit. Order them by ``ORDER``: ``seq`` has no gaps."""
    rows: QuerySet[AuditEntry] = AuditEntry.objects.for_workspace(workspace_id).filter(seq__isnull=False)
    if any("\x00" in text for text in (chosen.words, chosen.person, chosen.action, chosen.target)):
        return rows.none()  # the database has no such character, and refuses to look for it
    if chosen.action:
        rows = rows.filter(action=chosen.action)
    if chosen.target:
        rows = rows.filter(target_id=chosen.target)
    if chosen.since:
        rows = rows.filter(created_at__gte=_midnight(chosen.since))
    if chosen.until:
        rows = rows.filter(created_at__lt=_midnight(chosen.until + timedelta(days=1)))
    if chosen.person:
        rows = rows.filter(_by(chosen.person))
    for word in chosen.words.split():
        rows = _with_word(rows, word)
    return rows


def _by(person: str) -> Q:
    found = Q(actor__name__icontains=person) | Q(actor__email__icontains=person) | Q(actor__token__icontains=person)
    try:
        return found | Q(actor_id=UUID(person))
    except ValueError:
        return found


def _with_word(rows: QuerySet[AuditEntry], word: str) -> QuerySet[AuditEntry]:
    # The values of the JSON columns as PostgreSQL writes them: what is shown can be found.
    texts = {f"{name}_text": Cast(name, TextField()) for name in ("subject", "before", "after")}
    found = _by(word) | Q(actor__address__icontains=word) | Q(action__icontains=word) | Q(target_id__iexact=word)
    for text in (word, *numbers_meant(word)):
        for name in texts:
            found |= Q(**{f"{name}__icontains": text})
    said = [action for action in ACTIONS if word.lower() in action_words(action).lower()]
    fields = fields_called(word)
    named = Q(before__has_any_keys=fields) | Q(after__has_any_keys=fields) if fields else Q()
    return rows.alias(**texts).filter(found | Q(action__in=said) | named)


def entry_changes(entry: AuditEntry) -> list[Changed]:
    """What an act changed, value by value, in words."""
    before = {**entry.before, **entry.subject.get("before", {})}
    after = {**entry.after, **entry.subject.get("after", {})}
    return [
        Changed(field_words(name), value_words(entry.action, name, before), value_words(entry.action, name, after))
        for name in dict.fromkeys([*before, *after])
    ]


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry as the API and the exports tell it; what was forgotten is ""."""
    actor, subject = entry.actor, entry.subject
    return {
        "seq": entry.seq,
        "at": entry.created_at.astimezone(UTC),
        "action": entry.action,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "actor": actor.get("email", ""),
        "token_id": entry.token_id,
        "token": actor.get("token", ""),
        "target_id": entry.target_id,
        "target": subject.get("label", ""),
        "before": {**entry.before, **subject.get("before", {})},
        "after": {**entry.after, **subject.get("after", {})},
        "address": actor.get("address", ""),
        "user_agent": actor.get("agent", ""),
        "hash": bytes(entry.hash or b"").hex(),
    }


def _pages(rows: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """Everything, newest first, a page per statement: an export holds no transaction open."""
    before: int | None = None
    while True:
        page = list((rows if before is None else rows.filter(seq__lt=before)).order_by(*ORDER)[:_AT_ONCE])
        yield from page
        if len(page) < _AT_ONCE:
            return
        before = page[-1].seq


def lines_json(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    """One JSON object per line."""
    for entry in _pages(rows):
        row = entry_json(entry)
        row["at"] = row["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield json.dumps(row, ensure_ascii=False, default=str) + "\n"


class _Echo:
    """csv wants a file to write to; this one hands the line back."""

    def write(self, line: str) -> str:
        return line


def lines_csv(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    """A head and a row per entry, for a spreadsheet."""
    writer = csv.writer(_Echo())
    yield "\ufeff"  # without it Excel reads UTF-8 as Latin-1
    yield writer.writerow(COLUMNS)
    for entry in _pages(rows):
        row = entry_json(entry)
        row["at"] = row["at"].isoformat()
        yield writer.writerow([_cell(row[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    """A name may begin like a formula; a quote keeps the spreadsheet from running it."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str("" if value is None else value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
