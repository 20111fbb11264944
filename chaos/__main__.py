"""`python -m chaos`: load a stack of its own, break its parts for SECONDS by the plan of SEED, judge, report."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import time
from typing import Any

from bench.site import ROOT, open_site, prepare_environment, stack

VAR = ROOT / "var" / "chaos"
PORT = os.environ.get("CHAOS_PORT", "8795")
CREDITS = 1_000_000 * 1_000_000


def main() -> int:
    """The exit code tells whether every promise was kept: 0 yes, 1 no, 2 it was asked for something else."""
    given, seed_given = os.environ.get("SECONDS") or "60", os.environ.get("SEED") or str(random.randrange(10**6))
    if not given.isdigit() or not seed_given.isdigit() or int(given) < 1:
        print("SECONDS and SEED are whole numbers: make chaos SECONDS=600 SEED=7", file=sys.stderr)
        return 2
    seconds, seed = int(given), int(seed_given)
    prepare_environment(VAR, PORT)
    stack("down")
    # Each session judges every row there is, so it begins with none.
    shutil.rmtree(VAR, ignore_errors=True)
    print(f"seed {seed}: starting", flush=True)
    stack("up")
    try:
        report = _session(seed, seconds)
    finally:
        stack("down")
    from chaos.report import report_keep, report_text

    report_keep(report, VAR / "report.json")
    print(report_text(report, str((VAR / "report.json").relative_to(ROOT))))
    return 0 if report["kept"] else 1


def _session(seed: int, seconds: float) -> dict[str, Any]:
    import django

    django.setup()
    from django.conf import settings

    from apps.billing.services import credits_grant
    from apps.common.logs import configure
    from apps.console.demo import demo_seed
    from bench.runs import session_cookie
    from chaos.breaker import FREEZES, KILLS, STORES, Breaker, plan_draw
    from chaos.session import Place, session
    from deploy.stack.layout import Layout

    configure("WARNING")
    source = f"{seed}-{time.time()}"
    credits_grant(workspace_id=demo_seed().id, amount=CREDITS, reason="Chaos", source="chaos", source_id=source)
    site = open_site()
    place = Place(site.url, site.token, session_cookie(), site.workflow({"nodes": [], "edges": []}))
    breaker = Breaker(Layout.from_environment(), settings.REDIS_URL)
    plan = plan_draw(random.Random(seed), seconds, (*KILLS, *STORES, *FREEZES))
    return asyncio.run(session(place, breaker, plan, seed=seed, seconds=seconds))


if __name__ == "__main__":
    sys.exit(main())
