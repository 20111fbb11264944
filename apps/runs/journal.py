"""The journal: what a driver decided, written in batches, each batch one statement that carries the fence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.common.jsons import json_text
from apps.common.live import poke
from apps.common.statements import prepared, squeezed
from apps.engine.states import StepState
from apps.runs.reuse import Earlier

BATCH_STEPS = 64
# What was reused costs nothing to look up again, so more of it may be lost with a process.
BATCH_REUSED = 512
BATCH_S = 0.1
_SETTLED = frozenset(state for state in StepState if state.settled)

# One statement is one transaction and one round trip: the fence is checked, the sequence advanced, steps and events
# written; a driver that lost its lease writes nothing. A settled step is never written again. A paid try began in an
# earlier batch, maybe under another driver, so its row is what knows when.
_BATCH = """
WITH -- COPIED
run AS (
    UPDATE runs_run SET
        last_seq = last_seq + %(count)s,
        lease_until = CASE WHEN %(ended)s THEN NULL ELSE statement_timestamp() + make_interval(secs => %(lease)s) END,
        touched_at = statement_timestamp(),
        state = COALESCE(%(state)s, 'running'),
        error = COALESCE(%(error)s::jsonb, error),
        cost = cost + %(cost)s,
        started_at = COALESCE(started_at, %(began)s),
        finished_at = CASE WHEN %(ended)s THEN clock_timestamp() END,
        wake_at = CASE WHEN %(ended)s THEN NULL ELSE wake_at END
    WHERE id = %(run)s AND fence = %(fence)s -- ALL COPIED
    RETURNING id, workspace_id, last_seq, cancel_requested_at IS NOT NULL AS cancel_asked
), steps AS (
    INSERT INTO runs_step AS old (
        workspace_id, run_id, position, item, node, type, version, state, attempt, fence, claims, dispatched_at,
        lane, wake_at, inputs, outputs, request, error, cost, cache_key, cache_reason, started_at, finished_at
    )
    SELECT run.workspace_id, run.id, s.position, s.item, s.node, s.type, s.version, s.state, s.attempt, 0, 0,
           s.dispatched_at, COALESCE(s.lane, ''), s.wake_at, s.inputs, s.outputs, s.request, s.error, s.cost,
           decode(s.cache_key, 'hex'), COALESCE(s.cache_reason, ''), s.started_at, s.finished_at
    FROM run, jsonb_to_recordset(%(steps)s::jsonb) AS s(
        position int, item int, node text, type text, version smallint, state text, attempt smallint,
        dispatched_at timestamptz, lane text, wake_at timestamptz, inputs jsonb, outputs jsonb, request jsonb,
        error jsonb, cost bigint, cache_key text, cache_reason text, started_at timestamptz, finished_at timestamptz
    )
    -- COPIES
    -- AGAIN
), attempts AS (
    INSERT INTO runs_attempt (workspace_id, run_id, position, item, attempt, error, cost, started_at, finished_at)
    SELECT run.workspace_id, run.id, a.position, a.item, a.attempt, a.error, a.cost,
           COALESCE(a.started_at, (
               SELECT tried.started_at FROM runs_step AS tried
               WHERE tried.run_id = run.id AND tried.position = a.position AND tried.item = a.item
                   AND tried.attempt = a.attempt
           )), a.finished_at
    FROM run, jsonb_to_recordset(%(attempts)s::jsonb) AS a(
        position int, item int, attempt smallint, error jsonb, cost bigint, started_at timestamptz,
        finished_at timestamptz
    )
    ON CONFLICT DO NOTHING
), results AS (
    INSERT INTO runs_cacheentry AS entry (workspace_id, key, run_id, position, item, size, used_at)
    SELECT run.workspace_id, decode(c.key, 'hex'), run.id, c.position, c.item, c.size, statement_timestamp()
    FROM run, jsonb_to_recordset(%(results)s::jsonb) AS c(key text, position int, item int, size int)
    ORDER BY c.key
    ON CONFLICT (workspace_id, key) DO UPDATE SET
        run_id = EXCLUDED.run_id, position = EXCLUDED.position, item = EXCLUDED.item, size = EXCLUDED.size,
        used_at = EXCLUDED.used_at
), events AS (
    INSERT INTO runs_runevent (workspace_id, run_id, seq, kind, at, body)
    SELECT run.workspace_id, run.id, run.last_seq - %(count)s + e.place, e.kind, e.at, e.body
    FROM run, ROWS FROM (
        jsonb_to_recordset(%(events)s::jsonb) AS (kind text, at timestamptz, body jsonb)
    ) WITH ORDINALITY AS e(kind, at, body, place)
)
SELECT last_seq, cancel_asked FROM run
"""
_AGAIN = """
    ON CONFLICT (run_id, position, item) DO UPDATE SET
        state = EXCLUDED.state,
        attempt = EXCLUDED.attempt,
        claims = CASE WHEN EXCLUDED.attempt > old.attempt THEN 0 ELSE old.claims END,
        dispatched_at = EXCLUDED.dispatched_at,
        lane = EXCLUDED.lane,
        wake_at = EXCLUDED.wake_at,
        inputs = COALESCE(EXCLUDED.inputs, old.inputs),
        outputs = COALESCE(EXCLUDED.outputs, old.outputs),
        request = COALESCE(EXCLUDED.request, old.request),
        error = EXCLUDED.error,
        cost = EXCLUDED.cost,
        cache_key = COALESCE(EXCLUDED.cache_key, old.cache_key),
        cache_reason = COALESCE(NULLIF(EXCLUDED.cache_reason, ''), old.cache_reason),
        started_at = CASE
            WHEN EXCLUDED.attempt > old.attempt THEN EXCLUDED.started_at
            ELSE COALESCE(old.started_at, EXCLUDED.started_at) END,
        finished_at = EXCLUDED.finished_at
    WHERE old.state NOT IN ('completed', 'failed', 'skipped', 'cancelled', 'cached')
"""
# Where no row of the batch can be there yet, PostgreSQL need not look for each: a sixth of the statement's time.
_FLUSH_FIRST, _FLUSH = squeezed(_BATCH), squeezed(_BATCH.replace("-- AGAIN", _AGAIN))
# What is the same as in the run before never leaves the database. All of it or nothing: that run may just have been
# deleted.
_COPIED = """
copied AS (
    SELECT old.workspace_id, old.position, old.item, old.node, old.type, old.version, old.inputs, old.outputs,
           old.cache_key, c.at
    FROM jsonb_to_recordset(%(copies)s::jsonb) AS c(position int, item int, at timestamptz)
    JOIN runs_step AS old ON old.run_id = %(source)s AND old.position = c.position AND old.item = c.item
),
"""
_ALL_COPIED = "AND (SELECT count(*) FROM copied WHERE workspace_id = runs_run.workspace_id) = %(copied)s"
_COPIES = """
    UNION ALL
    SELECT run.workspace_id, run.id, c.position, c.item, c.node, c.type, c.version, 'cached', 1, 0, 0,
           NULL, '', NULL, c.inputs, c.outputs, NULL, NULL, 0,
           c.cache_key, 'hit', c.at, c.at
    FROM run, copied AS c
"""
_FLUSH_COPYING = squeezed(
    _BATCH.replace("-- COPIED", _COPIED).replace("-- ALL COPIED", _ALL_COPIED).replace("-- COPIES", _COPIES)
)


class FenceLost(RuntimeError):
    """Another driver took this run; what this one decided since its last flush was not written."""


class Journal:
    """Collects steps and events of one run and writes them under one fence."""

    def __init__(self, run_id: UUID, fence: int, lease_s: float, source_id: UUID | None = None) -> None:
        """``source_id`` is the run of the same workflow that :meth:`copy` copies from."""
        self.run_id = run_id
        self.fence = fence
        self.lease_s = lease_s
        self.source_id = source_id
        self._steps: dict[tuple[int, int], dict[str, Any]] = {}
        # Rows that need not travel, as they are in the source.
        self._copies: list[tuple[Earlier, int, datetime]] = []
        self._events: list[dict[str, Any]] = []
        self._attempts: list[dict[str, Any]] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._after: list[Callable[[], None]] = []
        # Steps that will be recorded again: of the batch, and those that have a row.
        self._open: set[tuple[int, int]] = set()
        self._begun: set[tuple[int, int]] = set()
        self._cost = 0
        # How many steps of the batch were not reused.
        self._done = 0
        # How much this driver has written of its steps, in characters.
        self.written = 0
        # What all steps recorded by this driver have cost, micro-credits.
        self.total_cost = 0
        # Whether somebody had asked to cancel the run when the last batch was written.
        self.cancel_asked = False
        self._since = time.monotonic()
        self._began = timezone.now()

    def step(self, row: dict[str, Any]) -> None:
        """Record a step's new state; a later record of the same step in one batch completes the earlier one."""
        key = (row["position"], row["item"])
        self._steps[key] = {**self._steps[key], **row} if key in self._steps else row
        self._done += row["state"] != StepState.CACHED
        if row["state"] not in _SETTLED:
            self._open.add(key)
        if row.get("cost"):
            self._spend(row)

    def copy(self, known: Earlier, item: int, at: datetime) -> None:
        """Record a step that is reused and as in the source: its row is copied where it lies."""
        self._copies.append((known, item, at))

    def _spend(self, row: Mapping[str, Any]) -> None:
        self._cost += row.get("cost", 0)
        self.total_cost += row.get("cost", 0)

    def attempt(self, row: dict[str, Any]) -> None:
        """Record a failed try that another follows."""
        self._attempts.append(row)
        self._spend(row)

    def result(self, key: str, position: int, item: int, size: int) -> None:
        """Make a completed step's outputs reusable under a key (hexadecimal)."""
        self._results[key] = {"key": key, "position": position, "item": item, "size": size}

    def event(self, kind: str, at: datetime, body: Mapping[str, Any]) -> None:
        """Record an event."""
        self._events.append({"kind": kind, "at": at, "body": body})

    def after(self, effect: Callable[[], None]) -> None:
        """Do this once the batch is committed: nothing with an effect outside happens before its barrier."""
        self._after.append(effect)

    @property
    def due(self) -> bool:
        """Whether the batch is large or old enough to be written."""
        full = self._done >= BATCH_STEPS or len(self._steps) + len(self._copies) >= BATCH_REUSED
        return full or time.monotonic() - self._since >= BATCH_S

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._steps or self._copies or self._events or self._after)

    def flush(self, *, state: str | None = None, error: Mapping[str, Any] | None = None, ended: bool = False) -> None:
        """Write the batch, renew the lease, then do what waited for it. FenceLost when the run is another's."""
        after, self._after = self._after, []
        # Only the run's first driver knows that a step has no row yet.
        first = self.fence == 1 and self._begun.isdisjoint(self._steps)
        self._begun |= self._open
        steps, copies = list(self._steps.values()), self._copies
        batch = self._take(state=state, error=error, ended=ended)
        row = self._write(_FLUSH_COPYING, batch, steps, **self._copying(copies)) if first and copies else None
        if row is None:
            row = self._write(_FLUSH_FIRST if first else _FLUSH, batch, [*steps, *map(_row, copies)])
        if row is None:
            raise FenceLost(FenceLost.__doc__)
        self.cancel_asked = row[1]
        # Not before the commit: the run's end is written inside a transaction, and a reader woken early finds nothing.
        poke(f"run.{self.run_id}", seq=row[0])
        for effect in after:
            effect()

    def barrier(self) -> None:
        """Commit everything recorded so far, and do what waited for it."""
        if not self.empty:
            self.flush()

    def _take(self, *, state: str | None, error: Mapping[str, Any] | None, ended: bool) -> dict[str, Any]:
        """The batch as parameters of its statement, but for the steps; and a new one begun."""
        parameters: dict[str, Any] = {
            "run": self.run_id,
            "fence": self.fence,
            "lease": self.lease_s,
            "count": len(self._events),
            "state": state,
            "error": json_text(error) if error else None,
            "ended": ended,
            "began": self._began,
            "cost": self._cost,
            "attempts": json_text(self._attempts),
            "results": json_text(list(self._results.values())),
            "events": json_text(self._events),
        }
        self._steps, self._copies, self._events = {}, [], []
        self._attempts, self._results, self._open = [], {}, set()
        self._cost = self._done = 0
        self._since = time.monotonic()
        return parameters

    def _write(
        self, statement: str, batch: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], **copying: Any
    ) -> tuple[int, bool] | None:
        """The run's last seq and whether its cancel was asked for; None where nothing was written."""
        text = json_text(steps)
        # Of a copied step only the event is at hand; it has the outputs too.
        self.written += len(text) + (len(batch["events"]) if copying else 0)
        with prepared() as cursor:
            cursor.execute(statement, {**batch, **copying, "steps": text})
            row: tuple[int, bool] | None = cursor.fetchone()
        return row

    def _copying(self, copies: Sequence[tuple[Earlier, int, datetime]]) -> dict[str, Any]:
        places = [{"position": known.position, "item": item, "at": at} for known, item, at in copies]
        return {"source": self.source_id, "copied": len(places), "copies": json_text(places)}


def _row(copy: tuple[Earlier, int, datetime]) -> dict[str, Any]:
    """A step to copy, written out."""
    known, item, at = copy
    assert known.step is not None  # it is of a run that this process drove
    return {
        "position": known.position,
        "item": item,
        "node": known.step.node,
        "type": known.type,
        "version": known.version,
        "state": StepState.CACHED,
        "attempt": 1,
        "inputs": known.inputs,
        "outputs": known.outputs,
        "cost": 0,
        "cache_key": known.key,
        "cache_reason": "hit",
        "started_at": at,
        "finished_at": at,
    }


def events_record(run_id: UUID, events: list[tuple[str, Mapping[str, Any]]], *, wake: bool = False) -> int | None:
    """Append events from outside the driver (progress, logs, a step settled elsewhere) in the caller's transaction.

    ``wake`` also gives the driver a reason to look again. Answers the new last seq; None when the run is over.
    """
    now = timezone.now()
    rows = [{"kind": kind, "at": now, "body": body} for kind, body in events]
    with prepared() as cursor:
        cursor.execute(
            """
            WITH run AS (
                UPDATE runs_run SET last_seq = last_seq + %(count)s, wakes = wakes + %(wake)s
                WHERE id = %(run)s AND finished_at IS NULL RETURNING id, workspace_id, last_seq
            ), events AS (
                INSERT INTO runs_runevent (workspace_id, run_id, seq, kind, at, body)
                SELECT run.workspace_id, run.id, run.last_seq - %(count)s + e.place, e.kind, e.at, e.body
                FROM run, ROWS FROM (
                    jsonb_to_recordset(%(events)s::jsonb) AS (kind text, at timestamptz, body jsonb)
                ) WITH ORDINALITY AS e(kind, at, body, place)
            )
            SELECT last_seq FROM run
            """,
            {"run": run_id, "count": len(rows), "wake": int(wake), "events": json_text(rows)},
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def run_wake(run_id: UUID) -> None:
    """Give the run's driver a reason to look again, so that it does not let go before it has."""
    with prepared() as cursor:
        cursor.execute("UPDATE runs_run SET wakes = wakes + 1 WHERE id = %s AND finished_at IS NULL", [run_id])
