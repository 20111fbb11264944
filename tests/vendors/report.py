"""The matrix vendor × scenario as a page of Markdown, from what a session of tests really did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.vendors.faults import EXCUSES, FAULTS, VENDORS, plays

_HEAD = """# Vendors: every scripted fault, and what came of it

Made anew by `VENDORS_REPORT=docs/reports/vendors.md pytest tests/vendors`; this is the run of {day} (UTC).

Each scenario is the whole life of one paid call, from the request to the money, against that vendor's contract server
over real HTTP: requests and answers are held to the vendor's official description. A scenario passes when the call ends
in the right state, the ledger is right, and the vendor took at most one order.

| | |
|---|---|
| scenarios | {count} |
| passed | {passed} |
| failed | {failed} |
| skipped (no official description at hand) | {skipped} |
| POSTs that the vendors saw | {sent} |
| orders that they took | {taken} |
| **generations with more than one order taken** | **{doubles}** |

A second POST follows only a definite refusal (429, or a 5xx that is an answer); a lost answer is never followed by one.
"""


class Played(NamedTuple):
    """One scenario as it went: ``sent`` POSTs that the vendor saw, ``taken`` those it took."""

    vendor: str
    kind: str
    scenario: str
    outcome: str
    sent: int
    taken: int


def report_write(path: Path, played: Sequence[Played]) -> None:
    """Write the page."""
    parts = [_head(played), _faults(played), _excuses(), _all(played)]
    path.write_text("\n".join(parts))


def _head(played: Sequence[Played]) -> str:
    outcomes = [one.outcome for one in played]
    return _HEAD.format(
        day=datetime.now(UTC).date().isoformat(),
        count=len(played),
        passed=outcomes.count("passed"),
        failed=len(played) - outcomes.count("passed") - outcomes.count("skipped"),
        skipped=outcomes.count("skipped"),
        sent=sum(one.sent for one in played),
        taken=sum(one.taken for one in played),
        doubles=sum(one.taken > 1 for one in played),
    )


def _faults(played: Sequence[Played]) -> str:
    lines = [
        "## Faults",
        "Scenarios that play the fault, passed of all; a letter: why it cannot happen there.",
        "",
        "| fault | " + " | ".join(VENDORS) + " |",
        "|---|" + "---|" * len(VENDORS),
    ]
    letters = _letters()
    for key, fault in FAULTS.items():
        cells = []
        for vendor in VENDORS:
            mine = [one for one in played if one.vendor == vendor and plays(one.scenario, fault)]
            passed = sum(one.outcome == "passed" for one in mine)
            excuse = letters.get(EXCUSES.get((vendor, key), ""), "**missing**")
            cells.append(f"{passed}/{len(mine)}" if mine else excuse)
        lines.append(f"| {fault.title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _excuses() -> str:
    lines = ["## Does not apply, because", "| | | |", "|---|---|---|"]
    for why, letter in _letters().items():
        vendors = sorted({vendor for (vendor, _fault), reason in EXCUSES.items() if reason == why})
        lines.append(f"| {letter} | {', '.join(vendors)} | {why} |")
    return "\n".join([*lines, ""])


def _letters() -> dict[str, str]:
    return {why: chr(ord("a") + place) for place, why in enumerate(dict.fromkeys(EXCUSES.values()))}


def _all(played: Sequence[Played]) -> str:
    lines = ["## All scenarios", "| vendor | scenario | result | POSTs seen | orders taken |", "|---|---|---|---|---|"]
    for one in sorted(played, key=lambda one: (VENDORS.index(one.vendor), one.kind)):
        name = f"{one.scenario} ({one.kind})" if one.kind else one.scenario
        lines.append(f"| {one.vendor} | {name} | {one.outcome} | {one.sent} | {one.taken} |")
    return "\n".join([*lines, ""])
