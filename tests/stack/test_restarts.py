"""How soon the supervisor starts a part again."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from deploy.stack import processes
from deploy.stack.processes import Child, Program

DEATHS = 5
# Of the five, the waits alone are 0.5 s each; doubled each time they would come to 7.5 s before the fifth.
WITHIN_S = 7.0


async def _deaths(child: Child, within_s: float) -> int:
    """How often it died by then."""
    await child.start()
    try:
        for _ in range(int(within_s * 20)):
            if child.restarts >= DEATHS:
                break
            await asyncio.sleep(0.05)
        return child.restarts
    finally:
        await child.stop()


def _child(folder: Path, lives_s: float) -> Child:
    command = (sys.executable, "-I", "-S", "-c", f"import time; time.sleep({lives_s})")
    program = Program("part", "The part", command, folder / "part.log", folder)

    async def ready() -> bool:
        return True

    return Child(program, ready, lambda: None)


def test_part_that_worked_is_started_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each death after a time of work is a new one: the runs of a killed worker wait for their lease, not for it."""
    monkeypatch.setattr(processes, "SETTLED_AFTER_S", 0.1)
    assert asyncio.run(_deaths(_child(tmp_path, 0.3), WITHIN_S)) == DEATHS


def test_part_that_does_not_come_up_is_started_ever_more_slowly(tmp_path: Path) -> None:
    """A broken installation must not take the processor."""
    assert asyncio.run(_deaths(_child(tmp_path, 0.0), WITHIN_S)) < DEATHS
