"""What the session says in the end: on the terminal and as ``report.json``."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

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
        "by_break": _by_break(recoveries),
        # What else ran on this machine: a restart takes as long as others let it.
        "machine_load": [round(load, 1) for load in os.getloadavg()],
        "rig_memory_mib": round(psutil.Process().memory_info().rss / 2**20),
        "recovery_s": _recovery(recoveries),
        "verdicts": {one.rule: one.problems or "kept" for one in verdicts},
        "kept": all(one.kept for one in verdicts),
    }


def _recovery(recoveries: Sequence[tuple[float, str, str]]) -> dict[str, Any]:
    """How soon runs that were live at a break moved again; the slowest come first."""
    took = [seconds for seconds, _kind, _run in recoveries]
    return {
        "runs": len(took),
        "p50": round(percentile(took, 50), 1) if took else 0,
        "p95": round(percentile(took, 95), 1) if took else 0,
        "slowest": [[round(seconds, 1), kind, run] for seconds, kind, run in recoveries[:SHOWN]],
    }


def _by_break(recoveries: Sequence[tuple[float, str, str]]) -> dict[str, dict[str, float]]:
    """Per kind of break, how soon the runs that were live then moved again."""
    kinds = {kind for _seconds, kind, _run in recoveries}
    took = {kind: [seconds for seconds, found, _run in recoveries if found == kind] for kind in kinds}
    return {
        kind: {
            "runs": len(took[kind]),
            "p50": round(percentile(took[kind], 50), 1),
            "p95": round(percentile(took[kind], 95), 1),
            "slowest": round(max(took[kind]), 1),
        }
        for kind in sorted(kinds)
    }


def report_keep(report: dict[str, Any], path: Path) -> None:
    """Write the report, and beside it one to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, default=str) + "\n")
    path.with_suffix(".md").write_text(report_page(report))


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


def report_page(report: dict[str, Any]) -> str:
    """The report as a page of Markdown."""
    kept = sum(problems == "kept" for problems in report["verdicts"].values())
    said = (
        f"`make chaos SECONDS={report['seconds']:.0f} SEED={report['seed']}` on {os.cpu_count()} processors. "
        f"**{kept} of {len(report['verdicts'])} promises kept.** Everything was at rest {report['quiet_after_s']} s "
        "after the last break was mended."
    )
    lines = [
        f"# Chaos, {report['at'][:10]}",
        "",
        said,
        "",
        *_facts(report),
        "",
        "## What was broken",
        "",
        "Seconds from the break until a run that was live then wrote its next event.",
        "",
        "| broken | times | live runs | p50 | p95 | slowest |",
        "|---|---|---|---|---|---|",
    ]
    for kind, times in sorted(report["broken"].items()):
        found = report["by_break"].get(kind, {"runs": 0, "p50": "", "p95": "", "slowest": ""})
        lines.append(f"| {kind} | {times} | {found['runs']} | {found['p50']} | {found['p95']} | {found['slowest']} |")
    lines += ["", "## What was promised", "", "| promise | |", "|---|---|"]
    for rule, problems in report["verdicts"].items():
        lines.append(f"| {rule} | {'kept' if problems == 'kept' else f'**broken** {len(problems)} times'} |")
    return "\n".join([*lines, ""])


def _facts(report: dict[str, Any]) -> list[str]:
    """The figures of the session as a table."""
    recovery = report["recovery_s"]
    return [
        "| | |",
        "|---|---|",
        f"| runs accepted, by how they ended | {_counts(report['runs'])} |",
        f"| by recipe | {_counts(report['recipes'])} |",
        f"| paid calls | {_counts(report['paid_calls'])} |",
        f"| runs cancelled by customers | {report['cancels']} |",
        f"| POSTs repeated with the same key | {report['repeated_posts']} |",
        f"| watchers | {_counts(report['watchers'])}; hung up {report['watchers_hung_up']} times |",
        f"| errors customers met and tried again after | {_counts(report['client_errors'])} |",
        f"| live run moved again after a break | p50 {recovery['p50']} s, p95 {recovery['p95']} s |",
        f"| load of the machine in the end, 1, 5 and 15 minutes | {report['machine_load']} |",
        f"| memory of the rig at the end | {report['rig_memory_mib']} MiB |",
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
