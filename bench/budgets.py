"""Budgets and usage in a workspace with a long ledger: hold and capture pairs per second, and the usage page."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from bench.report import Figure, percentile
from bench.runs import session_cookie
from bench.site import Site

SLUG = "bench-budgets"
CHARGES_PAIRS, CHARGES_USAGE = 100_000, 1_000_000
PAIRS, PAIRS_GOAL = 1500, 300
OPEN = 100
PAGE_GOAL_MS, TIMES = 200, 8
BY = ("day", "project", "member", "model", "workflow", "token")
TABLES = ("billing_lotentry", "billing_lot", "billing_entry", "billing_ledgertransaction", "billing_spending",
          "billing_budgetalert", "billing_budget", "billing_hold", "billing_account")  # fmt: skip

# A year of charges, evenly spread: 20 members, 60 projects, 300 workflows, 40 models, 10 tokens, ten charges a run.
_CHARGES = """
CREATE TEMP TABLE bench_charge AS
SELECT n, gen_random_uuid() AS id, now() - (n %% 360) * interval '1 day' - interval '1 minute' AS at,
    (1 + n %% 9) * 1000000::bigint AS amount,
    ('00000000-0000-0000-0000-1' || lpad((n %% 60)::text, 11, '0'))::uuid AS project,
    ('00000000-0000-0000-0000-2' || lpad((n %% 20)::text, 11, '0'))::uuid AS actor, 'bench/model-' || n %% 40 AS model,
    ('00000000-0000-0000-0000-3' || lpad((n %% 300)::text, 11, '0'))::uuid AS workflow,
    ('00000000-0000-0000-0000-4' || lpad((n %% 10)::text, 11, '0'))::uuid AS token,
    ('00000000-0000-0000-0000-5' || lpad((n / 10)::text, 11, '0'))::uuid AS run
FROM generate_series(1, %(charges)s) AS n
"""
_LINES = """
INSERT INTO billing_ledgertransaction (id, workspace_id, kind, source, source_id, description, returned, actor_id,
    token_id, run_id, workflow_id, project_id, generation_id, model, created_at)
SELECT id, %(space)s, 'capture', 'hold', id::text, 'Bench', 0, actor, token, run, workflow, project, id, model, at
FROM bench_charge
"""
_ENTRIES = """
INSERT INTO billing_entry (id, workspace_id, transaction_id, account_id, amount, seq, balance_after, created_at)
SELECT gen_random_uuid(), %(space)s, id, %(wallet)s, -amount, n + 1, 0, at FROM bench_charge
UNION ALL SELECT gen_random_uuid(), %(space)s, id, %(revenue)s, amount, NULL, NULL, at FROM bench_charge
"""
_HOLDS = """
INSERT INTO billing_hold (id, workspace_id, account_id, amount, captured, state, description, actor_id, token_id,
    run_id, workflow_id, project_id, generation_id, model, created_at, settled_at)
SELECT id, %(space)s, %(wallet)s, amount, amount, 'captured', 'Bench', actor, token, run, workflow, project, id, model,
    at, at
FROM bench_charge
"""
_SPENDING = """
INSERT INTO billing_spending (workspace_id, kind, subject, day, amount, charges)
SELECT %(space)s, part.kind, part.subject, (at AT TIME ZONE 'UTC')::date, sum(amount), count(*)
FROM bench_charge CROSS JOIN LATERAL (VALUES ('workspace', ''), ('project', project::text), ('member', actor::text),
    ('model', model), ('workflow', workflow::text), ('token', token::text), ('run', run::text)) AS part(kind, subject)
GROUP BY 1, 2, 3, 4
"""


def bench_budgets(site: Site) -> list[Figure]:
    """Fill a workspace, spend within its budgets, ask for its usage, and take everything away again."""
    with _filled(CHARGES_PAIRS) as space:
        free = _pairs(space)
        _budgets(space)
        kept = _pairs(space)
    how = f"{PAIRS:,} pairs, one connection, {CHARGES_PAIRS:,} charges before, {OPEN} open holds"
    with _filled(CHARGES_USAGE, whole=False):
        pages = {by: _page(site, by) for by in BY}
    worst = max(pages, key=lambda by: percentile(pages[by], 95))
    every = [one for took in pages.values() for one in took]
    title = f"usage page over {CHARGES_USAGE:,} charges"
    return [
        Figure("budgets", "hold and capture pairs, no budget", free, PAIRS_GOAL, "/s", how, at_least=True),
        Figure("budgets", "hold and capture pairs, five budgets", kept, PAIRS_GOAL, "/s", how, at_least=True),
        Figure("budgets", f"{title}, p95", percentile(every, 95), PAGE_GOAL_MS, "ms", f"90 days by {', '.join(BY)}"),
        Figure("budgets", f"{title}, p95 of the slowest", percentile(pages[worst], 95), PAGE_GOAL_MS, "ms", worst),
    ]


def _ids() -> dict[str, Any]:
    return {
        "project_id": UUID("00000000-0000-0000-0000-100000000001"),
        "actor_id": UUID("00000000-0000-0000-0000-200000000001"),
        "workflow_id": UUID("00000000-0000-0000-0000-300000000001"),
        "token_id": UUID("00000000-0000-0000-0000-400000000001"),
        "model": "bench/model-1",
    }


def _pairs(space: UUID) -> float:
    """Pairs per second."""
    from apps.billing.services import credits_hold, hold_capture
    from apps.common.ids import uuid7

    begun = time.perf_counter()
    for _ in range(PAIRS):
        hold = credits_hold(workspace_id=space, hold_id=uuid7(), amount=1000, description="Bench", **_ids())
        hold_capture(hold_id=hold.id, amount=900, description="Bench")
    return PAIRS / (time.perf_counter() - begun)


def _budgets(space: UUID) -> None:
    """Five that each charge counts for; told past the door, for what they are about is made up."""
    from apps.billing.models import Account, Budget

    ids = _ids()
    about = [("workspace", None), ("project", ids["project_id"]), ("member", ids["actor_id"]),
             ("workflow", ids["workflow_id"]), ("token", ids["token_id"])]  # fmt: skip
    Budget.objects.for_workspace(space).bulk_create(
        Budget(workspace_id=space, scope=scope, target_id=target, period="month", limit=10**14, alerts=[50, 80, 100])
        for scope, target in about
    )
    Account.objects.for_workspace(space).update(budgeted=True)


def _page(site: Site, by: str) -> list[float]:
    headers = {"Cookie": session_cookie(), "Authorization": ""}
    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        site.client.get(
            f"/w/{SLUG}/billing/usage/", params={"by": by, "days": "90"}, headers=headers
        ).raise_for_status()
        took.append((time.perf_counter() - begun) * 1000)
    return took


@contextlib.contextmanager
def _filled(charges: int, *, whole: bool = True) -> Iterator[UUID]:
    """A workspace with so many charges behind it, and some holds open; gone in the end.

    Not ``whole``: without their entries and holds, which the usage page does not read.
    """
    from django.db import connection

    from apps.billing.models import SYSTEM_ACCOUNTS, Account, AccountKind
    from apps.billing.services import credits_grant, credits_hold
    from apps.common.ids import uuid7
    from apps.common.tenancy import scope
    from apps.workspaces.models import Membership, Workspace

    _clear()
    space = Workspace.objects.create(slug=SLUG, name="Bench")
    demo = Membership.objects.filter(workspace__slug="demo", role="owner").get()
    Membership.objects.create(workspace=space, user=demo.user, role="owner")
    begun = time.perf_counter()
    try:
        credits_grant(workspace_id=space.id, amount=10**14, reason="Bench", source="bench", source_id=str(space.id))
        wallet = Account.objects.for_workspace(space.id).get()
        facts = {"space": space.id, "wallet": wallet.id, "revenue": SYSTEM_ACCOUNTS[AccountKind.REVENUE]}
        with scope(space.id), connection.cursor() as cursor, _unwatched(cursor):
            cursor.execute(_CHARGES, {"charges": charges})
            for statement in (_LINES, _SPENDING, *((_ENTRIES, _HOLDS) if whole else ())):
                cursor.execute(statement, facts)
                # Else the keys of the next are looked up as in the empty table that it was: row by row.
                cursor.execute("ANALYZE billing_ledgertransaction, billing_hold")
            cursor.execute("DROP TABLE bench_charge")
            cursor.execute("UPDATE billing_account SET last_seq = %s WHERE id = %s", [charges + 1, wallet.id])
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        for _ in range(OPEN):
            credits_hold(workspace_id=space.id, hold_id=uuid7(), amount=1000, description="Bench", **_ids())
        print(f"  {charges:,} charges in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        yield space.id
    finally:
        _clear()


def _clear() -> None:
    from django.db import connection

    from apps.common.tenancy import scope
    from apps.workspaces.models import Workspace

    space = Workspace.objects.filter(slug=SLUG).first()
    if space is None:
        return
    with scope(space.id), connection.cursor() as cursor, _unwatched(cursor):
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [space.id])
        cursor.execute("DELETE FROM workspaces_membership WHERE workspace_id = %s", [space.id])
        cursor.execute("DELETE FROM workspaces_workspace WHERE id = %s", [space.id])


@contextlib.contextmanager
def _unwatched(cursor: Any) -> Iterator[None]:
    """What forbids to change a ledger, and adds up each transaction, looks away while a million rows come or go."""
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield
    finally:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
