"""How many items a step will have, as far as that can be told before a run.

A list at a port for one value runs a step once per item. Where the list is made in the run itself, nobody knows its
length beforehand, nor, behind ports that take anything, whether it will be one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.engine.execution import Execution
from apps.engine.plan import Plan, PlanInput, PlanStep
from apps.engine.types import WHOLE, PortType
from apps.engine.values import maps_over

# The number of items shows only in the run.
OPEN = -1


@dataclass
class Lists:
    """What is known of the lists of one plan; filled as its steps are looked at in running order.

    ``single`` are the positions of steps that give one value whatever their ports say; ``items`` how many items the
    steps looked at have: None for a step that no list maps, else a number or :data:`OPEN`.
    """

    plan: Plan
    single: Collection[int] = ()
    items: dict[int, int | None] = field(default_factory=dict)
    # Of the steps looked at: whether what is handed to them may be a list. Kept, as a graph may be thousands deep.
    _handed: dict[int, bool] = field(default_factory=dict)

    def look(self, step: PlanStep, unknown: Collection[int], execution: Execution | None = None) -> int | None:
        """How many items the step has when these positions have no values yet; the others have, in ``execution``."""
        found = [self._at(item, step, unknown, execution) for item in step.inputs if _maps(item)]
        lengths = [length for length in found if length is not None]
        # Lists at several ports must be of one length, so one that is known tells the others.
        self.items[step.position] = max(lengths, default=None)
        handed = [item for item in step.inputs if item.port.type in WHOLE]
        self._handed[step.position] = not handed or any(
            item.port.many or self.may_list(*source) for item in handed for source in item.sources
        )
        return self.items[step.position]

    def _at(self, item: PlanInput, step: PlanStep, unknown: Collection[int], execution: Execution | None) -> int | None:
        edited: Mapping[str, Any] = execution.overrides.get(step.node, {}) if execution else {}
        position, port = item.sources[0]
        if item.port.name not in edited and position in unknown:
            return self._unknown(position, port)
        value = edited.get(item.port.name)
        if item.port.name not in edited and execution is not None:
            value = execution.value_of(item)
        return len(value) if isinstance(value, list) and maps_over(value, item.port) else None

    def _unknown(self, position: int, port: str) -> int | None:
        items = self.items.get(position)
        return items if items is not None else OPEN if self.may_list(position, port) else None

    def may_list(self, position: int, port: str) -> bool:
        """Whether this output of a step looked at may be a list: by its port, or as the port gives what was handed."""
        step = self.plan.steps[position]
        if self.items.get(position) is not None:
            return True
        output = step.type.output(port)
        if output is None or position in self.single:
            return False
        if output.type is not PortType.ANY:
            return output.many or output.type is PortType.JSON
        return self._handed[position]


def _maps(item: PlanInput) -> bool:
    return not item.port.many and item.port.type not in WHOLE


def lists_of(plan: Plan, single: Collection[int] = ()) -> Lists:
    """What is known of a plan's lists when nothing is known of its values."""
    lists = Lists(plan, single)
    everywhere = range(len(plan.steps))
    for step in plan.steps:
        lists.look(step, everywhere)
    return lists
