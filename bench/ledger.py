"""The ledger under load: `ledger`. Direct calls of its doors from eight processes with a connection each."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from uuid import UUID, uuid4

from bench.report import Figure
from bench.site import Site

CONNECTIONS = 8
PAIRS_S = 8.0
OPERATIONS = int(os.environ.get("LEDGER_OPERATIONS", "100000"))
WORKSPACES = 12


def bench_ledger(site: Site) -> list[Figure]:
    """Holds and captures on one account, then random operations on a few, then the audit."""
    from apps.billing.audit import ledger_audit

    # Not forked: this process has threads and connections.
    with ProcessPoolExecutor(CONNECTIONS, mp_context=get_context("spawn"), initializer=_begin) as pool:
        [hot] = _workspaces(1)
        list(pool.map(_pairs, [hot] * CONNECTIONS, [0.5] * CONNECTIONS))  # each starts, connects, imports
        pairs = sum(pool.map(_pairs, [hot] * CONNECTIONS, [PAIRS_S] * CONNECTIONS)) / PAIRS_S
        workspace_ids = _workspaces(WORKSPACES)
        each = -(-OPERATIONS // CONNECTIONS)
        begun = time.perf_counter()
        outcomes: Counter[str] = Counter()
        for counted in pool.map(_operations, range(CONNECTIONS), [workspace_ids] * CONNECTIONS, [each] * CONNECTIONS):
            outcomes.update(counted)
        took = time.perf_counter() - begun
    begun = time.perf_counter()
    drifts = ledger_audit()
    audit_s = time.perf_counter() - begun
    done = each * CONNECTIONS
    how = f"{done} random operations by {CONNECTIONS} processes on {WORKSPACES} wallets, {done / took:.0f}/s"
    strange = outcomes.total() - outcomes["done"] - outcomes["refused"]
    return [
        Figure("ledger", "hold + capture on one account", pairs, 300, "pairs/s",
               f"{CONNECTIONS} processes with a connection each, {PAIRS_S:g} s", at_least=True),
        Figure("ledger", "drift", len(drifts), 0, "figures",
               f"{how}; audit of every entry in {audit_s:.1f} s", parts=dict(outcomes)),
        Figure("ledger", "unforeseen errors", strange, 0, "errors",
               f"{outcomes['done']} done, {outcomes['refused']} refused as they should be"),
    ]  # fmt: skip


def _begin() -> None:
    import django

    django.setup()
    from apps.common.logs import configure

    configure("CRITICAL")  # costs above their hold are said aloud, and here they are many


def _workspaces(count: int) -> list[UUID]:
    from apps.billing.services import credits_grant
    from apps.workspaces.models import Workspace

    ids = []
    for _ in range(count):
        workspace = Workspace.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Ledger bench")
        credits_grant(workspace_id=workspace.id, amount=10**6, reason="Bench", source="bench", source_id=uuid4().hex)
        ids.append(workspace.id)
    return ids


def _pairs(workspace_id: UUID, seconds: float) -> int:
    from apps.billing.services import credits_hold, hold_capture
    from apps.common.ids import uuid7
    from apps.common.tenancy import scope

    done, ends = 0, time.monotonic() + seconds
    with scope(workspace_id):  # as whoever calls a vendor
        while time.monotonic() < ends:
            hold_id = uuid7()
            credits_hold(workspace_id=workspace_id, hold_id=hold_id, amount=3, description="Image")
            hold_capture(hold_id=hold_id, amount=2, description="Image")
            done += 1
    return done


def _operations(seed: int, workspace_ids: list[UUID], count: int) -> Counter[str]:
    from bench.ledger_operations import Teller

    teller, outcomes = Teller(seed, workspace_ids), Counter[str]()
    for _ in range(count):
        try:
            outcomes["done" if teller.step() else "refused"] += 1
        except Exception as error:  # counted, and told in the figure
            outcomes[f"{type(error).__name__}: {error}"[:200]] += 1
    return outcomes
