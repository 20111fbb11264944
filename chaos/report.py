"""What the session says in the end: on the terminal and as ``report.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import percentile
from chaos.breaker import Break
from chaos.judge import Verdict, rows
from chaos.load import Promises
from chaos.watchers import Sight

SHOWN = 5


def report_make(
    *,
    seed: int,
    seconds: float,
    quiet_s: float,
    breaks: Sequence[Break],
    promises: Promises,
    sights: Sequence[Sight],
    recoveries: Sequence[tuple[float, str, str]],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """The report as JSON."""
    took = [seconds for seconds, _kind, _run in recoveries]
    return {
        "at": datetime.now(UTC).isoformat(),
        "seed": seed,
        "seconds": seconds,
        "quiet_after_s": round(quiet_s, 1),
        "broken": dict(Counter(one.kind for one in breaks)),
        "parts_back_s": [[one.kind, round(one.back - one.at, 1)] for one in breaks if one.back],
        "runs": dict(rows("SELECT state, count(*) FROM runs_run GROUP BY state")),
        "recipes": dict(promises.recipes),
        "paid_calls": dict(rows("SELECT state, count(*) FROM generations_generation GROUP BY state")),
        "repeated_posts": promises.repeats,
        "cancels": promises.cancels,
        "refused": promises.refused,
        "unanswered": len(promises.unanswered),
        "client_errors": dict(promises.errors),
        "watchers": dict(Counter(sight.by for sight in sights)),
        "watchers_hung_up": sum(sight.hung_up for sight in sights),
        "recovery_s": {
            "runs": len(took),
            "p50": round(percentile(took, 50), 1) if took else 0,
            "p95": round(percentile(took, 95), 1) if took else 0,
            "slowest": [[round(seconds, 1), kind, run] for seconds, kind, run in recoveries[:SHOWN]],
        },
        "verdicts": {one.rule: one.problems or "kept" for one in verdicts},
        "kept": all(one.kept for one in verdicts),
    }


def report_keep(report: dict[str, Any], path: Path) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, default=str) + "\n")


def report_text(report: dict[str, Any], path: str) -> str:
    """The report for people; all of it is in the file ``path``."""
    recovery = report["recovery_s"]
    lines = [
        f"seed {report['seed']}, {report['seconds']:.0f} s of breaking, quiet {report['quiet_after_s']} s later",
        f"broken      {_counts(report['broken'])}",
        f"runs        {_counts(report['runs'])}",
        f"paid calls  {_counts(report['paid_calls'])}",
        f"watchers    {_counts(report['watchers'])}, hung up {report['watchers_hung_up']} times",
        f"moved again p50 {recovery['p50']} s, p95 {recovery['p95']} s, slowest "
        + ", ".join(f"{seconds} s ({kind})" for seconds, kind, _run in recovery["slowest"][:3]),
        "",
    ]
    for rule, problems in report["verdicts"].items():
        lines.append(f"{'kept  ' if problems == 'kept' else 'BROKEN'}  {rule}")
        if problems != "kept":
            lines += [f"          {problem}" for problem in problems[:SHOWN]]
            lines += [f"          … {len(problems) - SHOWN} more"] * (len(problems) > SHOWN)
    return "\n".join([*lines, "", f"All of it: {path}"])


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
