"""No hole in the matrix: every vendor goes through every fault, or there is a reason why it cannot happen to it."""

from __future__ import annotations

from collections import defaultdict

from tests.vendors.faults import EXCUSES, FAULTS, VENDORS, plays, scenarios_named


def test_every_fault_is_played_with_every_vendor_or_excused() -> None:
    played: dict[str, set[str]] = defaultdict(set)
    for vendor, scenario in scenarios_named():
        played[vendor].add(scenario)
    assert set(played) == set(VENDORS)
    holes, needless = [], []
    for vendor in VENDORS:
        for key, fault in FAULTS.items():
            found = [name for name in played[vendor] if plays(name, fault)]
            if not found and (vendor, key) not in EXCUSES:
                holes.append((vendor, key))
            if found and (vendor, key) in EXCUSES and key != "webhook-forged":
                needless.append((vendor, key, found))
    assert not holes
    assert not needless, "excused, and played all the same"
