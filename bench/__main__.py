"""`python -m bench [name …]`: run the benchmarks (all, or those named), print the table, keep `var/bench/*.json`."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from bench.report import Figure, durations, keep, table
from bench.site import ROOT, Site, open_site, prepare_environment, stack

NAMES = (
    "chain", "first_step", "live", "page", "island", "memory", "up",
    "fan", "layers", "rerun", "growth", "small", "small_http", "bytes", "crash",
    "fair", "branches", "cancel", "sleepers", "waiting", "replay", "scale", "media_memory",
    "search", "export", "motion", "bucket", "ledger", "budgets", "webhook", "grant_once",
)  # fmt: skip


def main(names: list[str]) -> int:
    """Start the stack, measure, stop it. The exit code tells a broken benchmark, not a missed goal."""
    if unknown := set(names) - set(NAMES):
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    prepare_environment()
    begun_all = time.monotonic()
    stack("up")
    figures: list[Figure] = []
    took: dict[str, float] = {}
    broken: list[str] = []
    try:
        # The settings read the addresses that the stack has just written.
        benches, site = _benches(), open_site()
        from django.db import connections

        for name in names or NAMES:
            print(f"{name} …", file=sys.stderr, flush=True)
            begun = time.monotonic()
            try:
                figures += benches[name](site)
            except Exception:  # the others' figures must not be lost with it
                traceback.print_exc()
                broken.append(name)
            except KeyboardInterrupt:
                broken.append(name)
                break
            took[name] = time.monotonic() - begun
            # One that restarts the stack leaves dead connections to the next.
            connections.close_all()
    finally:
        stack("down")
    print(table(figures))
    print(durations(took, time.monotonic() - begun_all))
    keep(figures, took, ROOT / "var" / "bench")
    if broken:
        print(f"Broken: {', '.join(broken)}. What happened stands above the table.", file=sys.stderr)
    return 1 if broken else 0


def _benches() -> dict[str, Callable[[Site], list[Figure]]]:
    import django

    django.setup()
    from apps.common.logs import configure
    from bench import (
        buckets,
        budgets,
        crash,
        datasets,
        engine,
        lanes,
        ledger,
        media,
        pages,
        payments,
        processes,
        replay,
        runs,
        scale,
        search,
        waiting,
        waits,
    )

    configure("WARNING")
    return {
        "chain": runs.bench_chain,
        "first_step": runs.bench_first_step,
        "live": runs.bench_live,
        "page": pages.bench_page,
        "island": pages.bench_island,
        "memory": processes.bench_memory,
        "up": pages.bench_up,
        "fan": engine.bench_fan,
        "layers": engine.bench_layers,
        "rerun": engine.bench_rerun,
        "growth": engine.bench_growth,
        "small": engine.bench_small,
        "small_http": engine.bench_small_http,
        "bytes": engine.bench_bytes,
        "crash": crash.bench_crash,
        "fair": lanes.bench_fair,
        "branches": lanes.bench_branches,
        "sleepers": waits.bench_sleepers,
        "waiting": waiting.bench_waiting,
        "replay": replay.bench_replay,
        "scale": scale.bench_scale,
        "media_memory": media.bench_media_memory,
        "cancel": lanes.bench_cancel,
        "search": search.bench_search,
        "export": datasets.bench_export,
        "motion": datasets.bench_motion,
        "bucket": buckets.bench_bucket,
        "ledger": ledger.bench_ledger,
        "budgets": budgets.bench_budgets,
        "webhook": payments.bench_webhook,
        "grant_once": payments.bench_grant_once,
    }


if __name__ == "__main__":
    sys.exit(main([name for argument in sys.argv[1:] for name in argument.split(",") if name]))
