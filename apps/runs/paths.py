"""What feeds a step, and the chain of steps that a run's length hangs on."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from apps.engine.plan import PlanStep
from apps.runs.models import Run, Step
from apps.runs.plans import run_plan


def sources_of(step: PlanStep) -> set[int]:
    """The positions that feed a step."""
    return {position for one in step.inputs for position, _port in one.sources}


def longest_path(run: Run) -> list[int]:
    """The chain of steps that a finished run's length hangs on; empty when there is nothing to choose from."""
    plan = run_plan(run)
    rows = Step.objects.filter(run_id=run.id, started_at__isnull=False).values_list("position")
    ended: dict[int, datetime | None] = dict(rows.annotate(end=Max("finished_at")).order_by())
    known = {position: end for position, end in ended.items() if end is not None}
    if not known:
        return []
    path = [max(known, key=lambda position: (known[position], position))]
    while sources := [source for source in sources_of(plan.steps[path[-1]]) if source in known]:
        path.append(max(sources, key=lambda position: (known[position], position)))
    return path[::-1] if len(path) < len(known) else []
