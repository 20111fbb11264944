"""What a driver decides about a step, as a row of the journal and an event: one place for both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.engine.execution import Execution
from apps.engine.node_types import NodeFailure
from apps.engine.plan import PlanStep
from apps.engine.states import StepState
from apps.runs.journal import Journal
from apps.runs.reuse import Earlier

# What is stored is in the site's own language, as the worker has no reader; a page says a fixed sentence in its own.
CANCELLED = gettext_noop("The run was cancelled.")

_EVENTS = {
    StepState.READY: "step_ready",
    StepState.WAITING: "step_waiting",
    StepState.COMPLETED: "step_succeeded",
    StepState.FAILED: "step_failed",
    StepState.SKIPPED: "step_skipped",
    StepState.CANCELLED: "step_cancelled",
    StepState.CACHED: "step_cached",
}
# Fields of a row that its event carries too.
_TOLD = ("outputs", "error", "cost", "request", "cache_reason")


class Records:
    """Writes steps of one run to its journal, and tells the execution how they ended."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        # How steps ended, and whether that is all there is to say of them: each was recorded once, at its end.
        self.ended: dict[tuple[str, int], Earlier] = {}
        self.whole = True

    def record(self, step: PlanStep, item: int, state: StepState, *, attempt: int = 1, **fields: Any) -> None:
        """A step's new state with what is known of it, and its event."""
        now = datetime.now(UTC)  # once a step, and Django's asks its settings first
        cached = state is StepState.CACHED
        if cached:
            fields["started_at"] = now  # it was found at once
        if state.settled:
            fields["finished_at"] = now
            self._end(step, item, state, attempt, fields)
        else:
            self.whole = False
        body = {"node": step.node, "item": item, "type": step.type.type, "state": state, "attempt": attempt}
        self.journal.step({**body, "position": step.position, "version": step.type.version, "cost": 0, **fields})
        if not cached and fields.get("started_at"):
            self.journal.event("step_started", fields["started_at"], {**body, "state": StepState.RUNNING})
        if kind := _EVENTS.get(state):
            for name in _TOLD:
                if value := fields.get(name):
                    body[name] = value
            self.journal.event(kind, now, body)

    def _end(self, step: PlanStep, item: int, state: StepState, attempt: int, fields: Mapping[str, Any]) -> None:
        started, ended = fields.get("started_at"), fields["finished_at"]
        self.ended[(step.node, item)] = Earlier(
            step.position,
            step.type.type,
            step.type.version,
            state,
            attempt,
            fields.get("cache_key"),
            fields.get("inputs") or {},
            fields.get("outputs"),
            ended,
            (ended - started).total_seconds() if started else -1,
            step,
        )

    def repeat(self, execution: Execution, step: PlanStep, item: int, known: Earlier) -> None:
        """The step does not run: all of it is as in the run before."""
        now = datetime.now(UTC)
        self.journal.copy(known, item, now)
        body = {"node": step.node, "item": item, "type": known.type, "state": StepState.CACHED, "attempt": 1}
        body["cache_reason"] = "hit"
        if known.outputs:
            body["outputs"] = known.outputs
        self.journal.event("step_cached", now, body)
        if known.state != StepState.CACHED:
            known = known._replace(state=StepState.CACHED, attempt=1, settled_at=now, took_s=0)
        self.ended[(step.node, item)] = known
        execution.settle(step, item, StepState.CACHED, known.outputs)

    def complete(
        self, execution: Execution, step: PlanStep, item: int, outputs: Mapping[str, Any], **fields: Any
    ) -> None:
        """The step did its work."""
        self.record(step, item, StepState.COMPLETED, outputs=dict(outputs), **fields)
        execution.settle(step, item, StepState.COMPLETED, outputs)

    def fail(
        self,
        execution: Execution,
        step: PlanStep,
        item: int,
        error: Mapping[str, Any],
        *,
        attempt: int,
        before: int = 0,
        **fields: Any,
    ) -> datetime | None:
        """The try failed: the moment of the next one, or None when it was the last (then the step has failed).

        ``before`` is how many tries were made in the run that this one repeats; they do not count against the policy.
        """
        pause = step.policy.pause_s(attempt - before, permanent=error.get("permanent", True))
        if pause is None or execution.stopped:
            self.record(step, item, StepState.FAILED, attempt=attempt, error=error, **fields)
            execution.settle(step, item, StepState.FAILED, {"error": error})
            return None
        return self._retry(step, item, error, attempt, timedelta(seconds=pause), fields)

    def _retry(
        self,
        step: PlanStep,
        item: int,
        error: Mapping[str, Any],
        attempt: int,
        pause: timedelta,
        fields: Mapping[str, Any],
    ) -> datetime:
        """Keep the try by itself; the step's row waits for the next one."""
        now = timezone.now()
        again = now + pause
        started = fields.get("started_at")
        self.journal.attempt(
            {
                "position": step.position,
                "item": item,
                "attempt": attempt,
                "error": error,
                "cost": fields.get("cost", 0),
                "started_at": started.isoformat() if started else None,
                "finished_at": now.isoformat(),
            }
        )
        kept = {name: fields[name] for name in ("inputs", "cache_key", "cache_reason") if name in fields}
        self.record(step, item, StepState.PENDING, attempt=attempt, error=error, wake_at=again, **kept)
        body = {"node": step.node, "item": item, "type": step.type.type, "state": "pending", "attempt": attempt}
        if started:
            self.journal.event("step_started", started, {**body, "state": StepState.RUNNING.value})
        self.journal.event("step_retrying", now, {**body, "error": error, "again_at": again.isoformat()})
        return again

    def leave(self, execution: Execution, step: PlanStep, item: int, *, cancelled: bool, attempt: int = 1) -> None:
        """The item does not begin any more, or is ended: its run has stopped, or is ``cancelled``."""
        state = StepState.CANCELLED if cancelled else StepState.SKIPPED
        error = {"code": state.value, "message": execution.stopped}
        self.record(step, item, state, attempt=attempt, error=error)
        execution.settle(step, item, state)

    def log(self, step: PlanStep, item: int, line: str) -> None:
        """A line of the step's log."""
        self.journal.event("step_log", timezone.now(), {"node": step.node, "item": item, "line": line})


def error_of(failure: NodeFailure) -> dict[str, Any]:
    """A failure as the step's row keeps it."""
    return {"code": failure.code, "message": str(failure), "permanent": failure.permanent}


def cancelled() -> dict[str, Any]:
    """The error of a step that its run's cancel ended."""
    return {"code": "cancelled", "message": CANCELLED}
