"""A workspace's results by fingerprint: each entry points at a settled step, and counts when it was last used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.common.jsons import json_read
from apps.common.statements import prepared

# The outputs that an entry points at, and when they were made.
Entry = tuple[Mapping[str, Any] | None, datetime | None]


def entries_read(workspace_id: UUID, keys: Sequence[str]) -> dict[str, Entry | None]:
    """The entries with these fingerprints, None where there is none."""
    found: dict[str, Entry | None] = dict.fromkeys(keys)
    if not keys:
        return found
    with prepared() as cursor:
        cursor.execute(
            """
            SELECT encode(entry.key, 'hex'), step.outputs::text, step.finished_at
            FROM unnest(%s::text[]) AS asked (key)
            JOIN runs_cacheentry AS entry ON entry.workspace_id = %s AND entry.key = decode(asked.key, 'hex')
            JOIN runs_step AS step ON step.run_id = entry.run_id AND step.position = entry.position
                AND step.item = entry.item
            """,
            [list(found), workspace_id],
        )
        rows = cursor.fetchall()
    return {**found, **{key: (json_read(outputs), at) for key, outputs, at in rows if outputs}}


def entry_use(workspace_id: UUID, key: str) -> Entry | None:
    """The outputs that an entry points at and when they were made; the entry counts as used now."""
    with prepared() as cursor:
        cursor.execute(
            """
            UPDATE runs_cacheentry AS entry SET used_at = statement_timestamp() FROM runs_step AS step
            WHERE entry.workspace_id = %s AND entry.key = decode(%s, 'hex') AND step.run_id = entry.run_id
                AND step.position = entry.position AND step.item = entry.item
            RETURNING step.outputs::text, step.finished_at
            """,
            [workspace_id, key],
        )
        row = cursor.fetchone()
    return (json_read(row[0]), row[1]) if row and row[0] else None


def entry_touch(workspace_id: UUID, key: str) -> None:
    """The entry counts as used now."""
    with prepared() as cursor:
        cursor.execute(
            "UPDATE runs_cacheentry SET used_at = statement_timestamp() "
            "WHERE workspace_id = %s AND key = decode(%s, 'hex')",
            [workspace_id, key],
        )


def entry_keep(*, workspace_id: UUID, key: str, run_id: UUID, position: int, item: int, size: int) -> None:
    """Make a settled step's outputs reusable, in the caller's transaction."""
    with prepared() as cursor:
        cursor.execute(
            """
            INSERT INTO runs_cacheentry (workspace_id, key, run_id, position, item, size, used_at)
            VALUES (%s, decode(%s, 'hex'), %s, %s, %s, %s, statement_timestamp())
            ON CONFLICT (workspace_id, key) DO UPDATE SET run_id = EXCLUDED.run_id, position = EXCLUDED.position,
                item = EXCLUDED.item, size = EXCLUDED.size, used_at = EXCLUDED.used_at
            """,
            [workspace_id, key, run_id, position, item, size],
        )


def entries_evict() -> int:
    """Drop the least recently used entries of every workspace that has more than its limits; how many went."""
    limits = {"entries": settings.CACHE_MAX_ENTRIES, "bytes": settings.CACHE_MAX_BYTES}
    with prepared() as cursor:
        cursor.execute(
            """
            DELETE FROM runs_cacheentry AS entry USING (
                SELECT workspace_id, key,
                    row_number() OVER newest AS place, sum(size) OVER newest AS used
                FROM runs_cacheentry WINDOW newest AS (PARTITION BY workspace_id ORDER BY used_at DESC, key)
            ) AS ranked
            WHERE entry.workspace_id = ranked.workspace_id AND entry.key = ranked.key
                AND (ranked.place > %(entries)s OR ranked.used > %(bytes)s)
            """,
            limits,
        )
        return int(cursor.rowcount)
