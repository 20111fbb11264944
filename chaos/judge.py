"""The judge: reads the rows, the vendor's own log and the object store, and says of each promise if it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection

from apps.billing.audit import ledger_audit
from apps.common.tenancy import unscoped
from chaos.load import Promises
from chaos.watchers import Sight, sight_problem

# Affected runs must move again within this time of a break, seconds.
RECOVERY_LIMIT_S = 60.0

_SETTLES = "('step_succeeded', 'step_failed', 'step_skipped', 'step_cancelled', 'step_cached')"
_OVER = "('completed', 'failed', 'skipped', 'cancelled', 'cached')"


@dataclass(frozen=True)
class Verdict:
    """A promise, and each place where it was broken."""

    rule: str
    problems: list[str]

    @property
    def kept(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def rows(query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    # Without it the tables of money and calls would look empty, and nothing would ever be wrong.
    with unscoped("the judge looks at everything"), connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def live_count() -> int:
    """How many runs, paid calls and orders at the vendor are still under way."""
    return int(
        rows(
            """
            SELECT (SELECT count(*) FROM runs_run WHERE state IN ('pending', 'running', 'waiting'))
                 + (SELECT count(*) FROM generations_generation
                    WHERE state IN ('prepared', 'submitting', 'submitted', 'running', 'unknown'))
                 + (SELECT count(*) FROM sandbox_job WHERE state IN ('queued', 'running'))
            """
        )[0][0]
    )


def judge(promises: Promises, sights: list[Sight], recoveries: list[tuple[float, str, str]]) -> list[Verdict]:
    """All verdicts. ``recoveries`` as :func:`recoveries_of` answers them."""
    found = [Verdict(rule, _said(rows(query))) for rule, query in _RULES.items()]
    found.append(Verdict("each Idempotency-Key made one run, and no run is lost", _keys(promises)))
    found.append(Verdict("every watcher saw every event once, in order", _watchers(sights)))
    found.append(Verdict("the ledger adds up", [str(drift) for drift in ledger_audit()]))
    found.append(Verdict("no asset without its object", _objects()))
    late = [f"{run} after {kind}: {took:.0f} s" for took, kind, run in recoveries if took > RECOVERY_LIMIT_S]
    found.append(Verdict(f"affected runs move again within {RECOVERY_LIMIT_S:.0f} s", late))
    return found


def _said(found: list[tuple[Any, ...]]) -> list[str]:
    return [" ".join(str(value) for value in row) for row in found]


# Each query answers the places where the rule is broken.
_RULES = {
    "every accepted run ended": """
        SELECT id, state, lease_until, wake_at, touched_at FROM runs_run
        WHERE state NOT IN ('completed', 'failed', 'cancelled') OR finished_at IS NULL OR lease_until IS NOT NULL
    """,
    "every step of an ended run ended": f"""
        SELECT step.run_id, step.node, step.state, run.state FROM runs_step AS step
        JOIN runs_run AS run ON run.id = step.run_id
        WHERE run.finished_at IS NOT NULL AND step.state NOT IN {_OVER}
    """,
    "no step settled twice, each as its row says": f"""
        SELECT step.run_id, step.node, step.state, array_agg(event.kind) FROM runs_step AS step
        LEFT JOIN runs_runevent AS event ON event.run_id = step.run_id AND event.kind IN {_SETTLES}
            AND event.body ->> 'node' = step.node AND (event.body ->> 'item')::int = step.item
        WHERE step.state IN {_OVER}
        GROUP BY step.run_id, step.node, step.item, step.state
        HAVING array_agg(event.kind) <> ARRAY['step_' || replace(step.state, 'completed', 'succeeded')]::varchar[]
            OR array_agg(event.kind) IS NULL
    """,
    "event numbers run from 1 without a gap": """
        SELECT run.id, run.last_seq, count(event.seq), max(event.seq) FROM runs_run AS run
        LEFT JOIN runs_runevent AS event ON event.run_id = run.id GROUP BY run.id, run.last_seq
        HAVING run.last_seq <> count(event.seq) OR run.last_seq <> COALESCE(max(event.seq), 0)
    """,
    "a run begins once, and its end is its last event": """
        SELECT run.id, run.state, count(*) FILTER (WHERE kind = 'run_started'),
            count(*) FILTER (WHERE kind = 'run_finished'), max(seq) FILTER (WHERE kind = 'run_finished'), run.last_seq
        FROM runs_run AS run JOIN runs_runevent AS event ON event.run_id = run.id WHERE run.finished_at IS NOT NULL
        GROUP BY run.id, run.state, run.last_seq
        HAVING count(*) FILTER (WHERE kind = 'run_started') <> 1
            OR count(*) FILTER (WHERE kind = 'run_finished') <> 1
            OR max(seq) FILTER (WHERE kind = 'run_finished') <> run.last_seq
    """,
    "every failed try is kept": """
        SELECT step.run_id, step.node, step.item, step.state, step.attempt, kept.numbers, told.numbers
        FROM runs_step AS step
        LEFT JOIN LATERAL (
            SELECT array_agg(attempt::int ORDER BY attempt) AS numbers FROM runs_attempt AS attempt
            WHERE attempt.run_id = step.run_id AND attempt.position = step.position AND attempt.item = step.item
        ) AS kept ON true
        LEFT JOIN LATERAL (
            SELECT array_agg((body ->> 'attempt')::int ORDER BY seq) AS numbers FROM runs_runevent AS event
            WHERE event.run_id = step.run_id AND event.kind = 'step_retrying'
                AND event.body ->> 'node' = step.node AND (event.body ->> 'item')::int = step.item
        ) AS told ON true
        WHERE kept.numbers IS DISTINCT FROM told.numbers
            OR (step.state = 'completed' AND step.attempt <> 1 + COALESCE(array_length(kept.numbers, 1), 0))
    """,
    "what was reused had been made, by an equal step, with equal results": """
        SELECT reused.run_id, reused.node, reused.item, reused.cache_reason FROM runs_step AS reused
        WHERE reused.state = 'cached' AND reused.cache_reason <> 'pinned' AND NOT EXISTS (
            SELECT FROM runs_step AS made
            WHERE made.cache_key = reused.cache_key AND made.workspace_id = reused.workspace_id
                AND made.state = 'completed' AND made.outputs = reused.outputs
                AND made.finished_at <= reused.finished_at
        )
    """,
    "what is reused costs nothing": """
        SELECT run_id, node, item, cost FROM runs_step WHERE state = 'cached' AND cost <> 0
    """,
    "no paid call stuck": """
        SELECT id, state, poll_after, deadline_at FROM generations_generation
        WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'expired')
    """,
    "no paid call reached the vendor twice": """
        SELECT client_reference, count(*) FROM sandbox_submission WHERE accepted
        GROUP BY client_reference HAVING count(*) > 1
    """,
    "the vendor knows no order of ours that we do not": """
        SELECT submission.client_reference FROM sandbox_submission AS submission
        LEFT JOIN generations_generation AS generation ON generation.id::text = submission.client_reference
        WHERE submission.accepted AND generation.id IS NULL
    """,
    "every hold is closed": "SELECT id, amount, run_id, generation_id FROM billing_hold WHERE state = 'open'",
    "nothing is held": "SELECT workspace_id, held FROM billing_account WHERE held <> 0",
    "wallet = grants − charges": """
        SELECT account.workspace_id, account.posted, sum(entry.amount) FILTER (WHERE line.kind = 'grant') AS granted,
            (SELECT sum(captured) FROM billing_hold AS hold WHERE hold.workspace_id = account.workspace_id) AS charged
        FROM billing_account AS account JOIN billing_entry AS entry ON entry.account_id = account.id
        JOIN billing_ledgertransaction AS line ON line.id = entry.transaction_id
        WHERE account.kind = 'wallet' GROUP BY account.workspace_id, account.posted
        HAVING account.posted <> sum(entry.amount) FILTER (WHERE line.kind = 'grant') - COALESCE(
            (SELECT sum(captured) FROM billing_hold AS hold WHERE hold.workspace_id = account.workspace_id), 0)
    """,
    "only what succeeded is charged, as much as it cost": """
        SELECT hold.id, hold.captured, generation.state, generation.cost FROM billing_hold AS hold
        FULL JOIN generations_generation AS generation ON generation.hold_id = hold.id
        WHERE COALESCE(hold.captured, 0)
            <> CASE WHEN generation.state = 'succeeded' THEN generation.cost ELSE 0 END
    """,
    "a run costs what its paid calls cost": """
        SELECT run.id, run.state, run.cost, COALESCE(sum(generation.cost), 0) FROM runs_run AS run
        LEFT JOIN generations_generation AS generation ON generation.run_id = run.id
        GROUP BY run.id, run.state, run.cost HAVING run.cost <> COALESCE(sum(generation.cost), 0)
    """,
    "a call that succeeded has its files": """
        SELECT generation.id FROM generations_generation AS generation
        LEFT JOIN generations_generationoutput AS output ON output.generation_id = generation.id
        WHERE generation.state = 'succeeded' GROUP BY generation.id HAVING count(output.id) = 0
    """,
}


def _keys(promises: Promises) -> list[str]:
    known = {str(row[0]) for row in rows("SELECT id FROM runs_run")}
    answered = {run for runs in promises.runs.values() for run in runs}
    found = [f"{key} was answered {sorted(runs)}" for key, runs in promises.runs.items() if len(runs) > 1]
    found += [f"{run} was accepted and is gone" for run in answered - known]
    # Who was never answered may have a run they do not know of; one, because of the key.
    if len(known - answered) > len(promises.unanswered):
        found.append(f"{len(known - answered)} runs more than {len(promises.unanswered)} keys without an answer")
    return found


def _watchers(sights: list[Sight]) -> list[str]:
    last = {str(run): seq for run, seq in rows("SELECT id, last_seq FROM runs_run")}
    problems = ((sight, sight_problem(sight, last.get(sight.run, 0))) for sight in sights)
    return [f"{sight.run} by {sight.by}: {problem}" for sight, problem in problems if problem]


def _objects() -> list[str]:
    found = rows("SELECT id, key, previews FROM assets_blob")
    keys = {key for _id, key, _previews in found}
    missing = [key for key in sorted(keys) if not default_storage.exists(key)]
    bare = rows("SELECT id FROM assets_asset WHERE state = 'ready' AND blob_id IS NULL")
    return [f"{key} is not in {settings.S3_BUCKET}" for key in missing] + _said(bare)


def recoveries_of(breaks: list[tuple[float, str]]) -> list[tuple[float, str, str]]:
    """For each break and each run that was live then: (seconds until the run's next event, what broke, run)."""
    found = []
    for at, kind in breaks:
        found += [
            (float(seconds), kind, str(run))
            for run, seconds in rows(
                """
                SELECT run.id,
                    extract(epoch FROM COALESCE(min(event.at), run.finished_at, clock_timestamp())) - %(at)s
                FROM runs_run AS run LEFT JOIN runs_runevent AS event
                    ON event.run_id = run.id AND event.at > to_timestamp(%(at)s)
                WHERE run.created_at <= to_timestamp(%(at)s)
                    AND (run.finished_at IS NULL OR run.finished_at > to_timestamp(%(at)s))
                GROUP BY run.id
                """,
                {"at": at},
            )
        ]
    return sorted(found, reverse=True)
