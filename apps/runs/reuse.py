"""Reuse: which steps need not run again, where their outputs come from, and the reason when they must.

What is the same work, :mod:`apps.runs.fingerprints` says. Three places are asked, cheapest
first: this process's memory (steps that run inside a driver), the workflow's previous run (read once per drive), and
the workspace's entries in the database, which point at settled steps. A step that runs inside the driver costs less
than a question to the database, so the last one is asked only for steps that are worth it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from apps.assets.models import Asset
from apps.common.jsons import json_read
from apps.common.memory import Memory
from apps.common.statements import prepared
from apps.engine.node_types import Effect, Lane, NodeFailure
from apps.engine.plan import PlanStep, step_params
from apps.runs.entries import Entry, entries_read, entry_touch, entry_use
from apps.runs.fingerprints import asset_ids, differences, fingerprint, same_content, work_params
from apps.runs.models import STEP_EMITTED
from apps.runs.plans import InvalidGraph, plan_of_graph

# Sentences are made of these codes when they are read, in the reader's language: see apps.runs.reasons.
REASON_MAX = 200
# In place of the node that runs again: all of them. No node can have this id.
EVERY_NODE = "*"
# A step inside the driver that took this long before is worth a question to the database, seconds.
WORTH_ASKING_S = 0.005


class Found(NamedTuple):
    """A fingerprint (hexadecimal), the outputs if they are known, and the reason in codes."""

    key: str
    outputs: Mapping[str, Any] | None
    reason: str


class Earlier(NamedTuple):
    """A step of an earlier run. A tuple, because a run makes one for each of its steps."""

    position: int
    type: str
    version: int
    state: str
    attempt: int
    key: str | None
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    settled_at: datetime | None
    took_s: float
    # Where this process drove the run: the step of the plan, which later runs of the same graph share.
    step: PlanStep | None = None

    @property
    def emitted(self) -> bool:
        """Whether it has outputs to reuse."""
        return self.state in STEP_EMITTED and self.outputs is not None


# An item with its inputs and parameters.
Try = tuple[int, Mapping[str, Any], Mapping[str, Any]]
# Outputs of steps that ran inside drivers of this process, and when they were made; sizes in bytes.
MEMORY: Memory[str, tuple[Mapping[str, Any], datetime]] = Memory(entries=20_000, size=32 * 1024 * 1024)
# Steps by node and item of finished runs that this process drove or read: they never change again. Sizes in characters
# of JSON.
FINISHED: Memory[UUID, Mapping[tuple[str, int], Earlier]] = Memory(entries=20_000, size=8 * 1024 * 1024)
# The graph, targets and variables of runs that this process finished lately. Few: the run before is what is asked for.
ASKED: Memory[UUID, tuple[UUID, list[str] | None, Mapping[str, Any]]] = Memory(entries=32)
NEVER = datetime.fromtimestamp(0, tz=UTC)


def rough_size(outputs: Mapping[str, Any]) -> int:
    """About how many bytes outputs take."""
    return 200 + len(repr(outputs))


@dataclass(frozen=True)
class Past:
    """What a run may look back at. ``cleared`` is when reuse was forbidden: by node, "" for the whole workflow."""

    workspace_id: UUID
    created_at: datetime
    from_run_id: UUID | None
    from_node: str
    previous_id: UUID | None
    cleared: Sequence[tuple[str, datetime]]


class Ahead(NamedTuple):
    """What was asked for the items of a node at once: their fingerprints, entries, and whether files are there."""

    node: str = ""
    keys: Mapping[int, str] = {}
    entries: Mapping[str, Entry | None] = {}
    files: Mapping[str, bool] = {}


class Reuse:
    """What one run may reuse."""

    def __init__(self, past: Past, variables: Mapping[str, Any]) -> None:
        self.past, self.variables = past, variables
        self._ahead = Ahead()

    def look_ahead(self, step: PlanStep, tries: Sequence[Try]) -> None:
        """Ask in two statements what :meth:`find` would ask for each of these items; nothing counts as used by it."""
        before = {item: self._previous.get((step.node, item)) for item, _inputs, _params in tries}
        keys = {
            item: self._key(step, before[item], inputs, work_params(step, params, self.variables))
            for item, inputs, params in tries
        }
        worth = [key for item, key in keys.items() if self._worth_asking(step, before[item])]
        entries = entries_read(self.past.workspace_id, worth)
        kept = (self._source.get((step.node, item)) for item in keys)
        outputs = [earlier.outputs for earlier in (*before.values(), *kept) if earlier is not None]
        files = set(asset_ids([*outputs, *(entry[0] for entry in entries.values() if entry)]))
        live = set(map(str, _files_live(files).values_list("id", flat=True))) if files else set()
        self._ahead = Ahead(step.node, keys, entries, {each: each.lower() in live for each in files})

    def find(self, step: PlanStep, item: int, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Found:
        """The outputs of the same work done before, or the reason why it must be done."""
        before = self._previous.get((step.node, item))
        params = work_params(step, params, self.variables)
        known = self._ahead.keys.get(item) if self._ahead.node == step.node else None
        key = known or self._key(step, before, inputs, params)
        forced = self.past.from_node in (step.node, EVERY_NODE)
        kept = None if forced else self._source.get((step.node, item))
        if kept and kept.key == key and kept.emitted and self._live(kept.outputs):
            return Found(key, kept.outputs, f"kept {self.past.from_run_id}")
        if step.type.effect not in (Effect.PURE, Effect.PAID):
            return Found(key, None, "effect" if step.type.effect is Effect.WRITE else "")
        always_new = step.policy.always_new or step.type.always_new
        if always_new or forced:
            return Found(key, None, "always-new" if always_new else "forced")
        outputs, why_not = self._known(step, before, key)
        if outputs is not None:
            return Found(key, outputs, "hit")
        return Found(key, None, why_not or self._difference(step, item, inputs, params))

    def again(self, step: PlanStep, item: int, inputs: Mapping[str, Any]) -> Earlier | None:
        """The step of the run before, where this one surely is the same work in every detail and its outputs hold.

        For steps inside the driver, where a fingerprint would take longer than all else. None means: ask :meth:`find`.
        """
        past = self.past
        if not step.repeatable or past.from_run_id is not None or past.from_node or past.cleared:
            return None
        before = self._previous.get((step.node, item))
        if before is None or _key_again(step, inputs, before) is None or not before.emitted:
            return None
        if before.settled_at is None or before.settled_at > past.created_at or not self._live(before.outputs):
            return None
        return before

    def tries_before(self, step: PlanStep, item: int) -> int:
        """How often this step was tried without success in the run that this one repeats."""
        before = self._source.get((step.node, item))
        return before.attempt if before and before.state in ("failed", "cancelled") and before.took_s >= 0 else 0

    def _known(self, step: PlanStep, before: Earlier | None, key: str) -> tuple[Mapping[str, Any] | None, str]:
        """Outputs made with this fingerprint; else the reason, where it is not that the work differs."""
        asked, same = False, before is not None and before.key == key
        found: Entry | None = None
        if before is not None and same and before.emitted:
            found = before.outputs, before.settled_at
        elif step.type.lane is Lane.INLINE and step.type.effect is Effect.PURE:
            found = self._remembered(key)
        if found is None and self._worth_asking(step, before):
            found, asked = self._entry(key), True
        # What this run itself has made does not count: two equal nodes of one graph both run.
        if found is None or found[0] is None or (found[1] and found[1] > self.past.created_at):
            return None, _why_same(before) if same and before else ""
        if found[1] is not None and found[1] <= self._cleared_at(step.node):
            return None, "cleared"
        if not self._live(found[0]):
            return None, "gone"
        if not asked and key not in self._ahead.entries and step.type.lane is not Lane.INLINE:
            entry_touch(self.past.workspace_id, key)
        return found[0], ""

    def _key(self, step: PlanStep, before: Earlier | None, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
        return _key_again(step, inputs, before) or fingerprint(self.past.workspace_id, step, inputs, params)

    def _entry(self, key: str) -> Entry | None:
        return self._ahead.entries[key] if key in self._ahead.entries else entry_use(self.past.workspace_id, key)

    def _live(self, outputs: Any) -> bool:
        ids = set(asset_ids(outputs))  # most have none
        known = self._ahead.files
        return all(known[each] for each in ids) if ids <= known.keys() else assets_live(outputs)

    def _remembered(self, key: str) -> tuple[Mapping[str, Any], datetime] | None:
        """What a driver of this process made before this run began."""
        made = MEMORY.get(key)
        return made if made and made[1] <= self.past.created_at else None

    @staticmethod
    def _worth_asking(step: PlanStep, before: Earlier | None) -> bool:
        inline = step.type.lane is Lane.INLINE and step.type.effect is Effect.PURE
        return not inline or (before is not None and before.took_s >= WORTH_ASKING_S)

    def _cleared_at(self, node: str) -> datetime:
        if not self.past.cleared:
            return NEVER
        return max((at for place, at in self.past.cleared if place in ("", node)), default=NEVER)

    def _difference(self, step: PlanStep, item: int, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
        """What differs from the workflow's previous run."""
        before = self._previous.get((step.node, item))
        if before is None:
            return "new"
        if before.type != step.type.type:
            return f"type {before.type} {step.type.type}"
        found = []
        if before.version != step.type.version:
            found.append(f"code {before.version} {step.type.version}")
        found += [f"param {how} {name}" for name, how in differences(self._previous_params(step.node, item), params)]
        found += [f"input {how} {name}" for name, how in differences(before.inputs, inputs)]
        text = "\n".join(found)
        return text if len(text) <= REASON_MAX else text[: max(0, text.rfind("\n", 0, REASON_MAX))]

    @cached_property
    def _previous(self) -> Mapping[tuple[str, int], Earlier]:
        if self.past.previous_id is None:
            return {}
        known = FINISHED.get(self.past.previous_id)
        if known is None:
            known, size = _steps_read(self.past.previous_id)
            FINISHED.put(self.past.previous_id, known, size)
        return known

    @cached_property
    def _source(self) -> Mapping[tuple[str, int], Earlier]:
        if self.past.from_run_id is None:
            return {}
        same = self.past.from_run_id == self.past.previous_id
        return self._previous if same else earlier_steps(self.past.from_run_id)

    @cached_property
    def _previous_plan(self) -> tuple[Mapping[str, PlanStep], Mapping[str, Any]]:
        assert self.past.previous_id is not None
        graph_id, targets, variables = ASKED.get(self.past.previous_id) or _asked_read(self.past.previous_id)
        try:
            plan = plan_of_graph(graph_id, targets)
        except InvalidGraph:  # node types have changed since
            return {}, {}
        return {step.node: step for step in plan.steps}, {**plan.variables, **variables}

    def _previous_params(self, node: str, item: int) -> Mapping[str, Any]:
        steps, variables = self._previous_plan
        try:
            return (
                work_params(steps[node], step_params(steps[node], variables, item), variables) if node in steps else {}
            )
        except NodeFailure:
            return {}


def _asked_read(run_id: UUID) -> tuple[UUID, list[str] | None, Mapping[str, Any]]:
    with prepared() as cursor:
        cursor.execute("SELECT graph_id, targets::text, variables::text FROM runs_run WHERE id = %s", [run_id])
        graph_id, targets, variables = cursor.fetchone()
    return graph_id, json_read(targets) if targets else None, json_read(variables)


def _key_again(step: PlanStep, inputs: Mapping[str, Any], before: Earlier | None) -> str | None:
    """The fingerprint of the same step in the run before, where parameters and inputs are surely the same."""
    if before is None or before.step is not step or not step.fixed_work:
        return None
    return before.key if same_content(before.inputs, inputs) else None


def _why_same(before: Earlier) -> str:
    """The work is the same as last time, and still there is nothing to reuse.

    What was made last time is always at hand. If it is not taken, it was made after this run had been started.
    """
    return "later" if before.emitted else "unsuccessful"


def earlier_steps(run_id: UUID) -> dict[tuple[str, int], Earlier]:
    """The steps of a run by node and item."""
    return _steps_read(run_id)[0]


def _steps_read(run_id: UUID) -> tuple[dict[tuple[str, int], Earlier], int]:
    """The steps of a run, and how many characters their rows come to, about as the journal counts."""
    with prepared() as cursor:
        cursor.execute(
            """
            SELECT node, item, position, type, version, state, attempt, encode(cache_key, 'hex'), inputs::text,
                outputs::text, finished_at, COALESCE(extract(epoch FROM finished_at - started_at)::float, -1)
            FROM runs_step WHERE run_id = %s
            """,
            [run_id],
        )
        rows = cursor.fetchall()
    size = sum(400 + len(row[8] or "") + len(row[9] or "") for row in rows)
    return {(row[0], row[1]): _earlier(row[2:]) for row in rows}, size


def _earlier(row: tuple[Any, ...]) -> Earlier:
    inputs, outputs = json_read(row[6] or "{}"), json_read(row[7]) if row[7] else None
    return Earlier(*[*row[:6], inputs, outputs, *row[8:]])


def assets_live(outputs: Any) -> bool:
    """Whether every file in the outputs is still there."""
    ids = set(asset_ids(outputs))  # most have none
    return not ids or _files_live(ids).count() == len(ids)


def _files_live(ids: Collection[str]) -> QuerySet[Asset]:
    """Those of these files that are there."""
    found: QuerySet[Asset] = Asset.objects.filter(id__in=ids, trashed_at=None, state="ready")
    return found
