"""Where in a run a paid call was made, for those below who know only the call."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from apps.billing.causes import Place, Places
from apps.generations.models import Generation
from apps.runs.models import Run
from apps.runs.plans import InvalidGraph, run_plan

FIELDS = ("id", "run_id", "node", "item", "attempt")


def generation_places(workspace_id: UUID, generation_ids: Collection[UUID]) -> Places:
    """The steps of these generations, of runs that are still there. A step is called as it was when it ran."""
    rows = Generation.objects.filter(workspace_id=workspace_id, id__in=generation_ids, run_id__isnull=False)
    found = list(rows.values_list(*FIELDS))
    runs = Run.objects.filter(workspace_id=workspace_id, id__in={row[1] for row in found})
    titles = {run.id: _titles(run) for run in runs.only("id", "workspace_id", "graph_id", "targets")}
    return {
        generation_id: Place(run_id, node, item, attempt, titles[run_id].get(node, node))
        for generation_id, run_id, node, item, attempt in found
        if run_id in titles
    }


def _titles(run: Run) -> dict[str, str]:
    try:
        return {step.node: step.title for step in run_plan(run).steps}
    except InvalidGraph:
        # A kind of node that this site no longer has: its steps are called by their nodes' ids.
        return {}
