"""The states of steps and runs: one enum each, shared by database, API, pages and island."""

from __future__ import annotations

from enum import StrEnum


class StepState(StrEnum):
    """``pending → ready → running → waiting → completed | failed | skipped | cancelled | cached``."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    CACHED = "cached"

    # As the text that it equals. Enum's own is written in Python, and states are looked up for each step of each run.
    __hash__ = str.__hash__

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to the step."""
        return self in _SETTLED

    @property
    def emitted(self) -> bool:
        """Whether the step has outputs that travel on."""
        return self in (StepState.COMPLETED, StepState.CACHED)


_SETTLED = frozenset({StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED, StepState.CACHED})


class RunState(StrEnum):
    """``pending, running, waiting, completed, failed, cancelled``."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
