"""One step in full: every try, why it ran or was reused, what went in and came out, its settings in words, its log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.common.templatetags.ui import seconds as seconds_text
from apps.engine.node_types import Port
from apps.engine.plan import PlanStep
from apps.engine.policy import OnFailure, Policy
from apps.engine.states import StepState
from apps.engine.values import ASSET_KEY, is_asset
from apps.generations.models import Generation
from apps.generations.route import route_said
from apps.generations.wording import question
from apps.providers.catalogue import MODELS
from apps.runs.models import STEP_EMITTED, Run, RunEvent, Step
from apps.runs.plans import run_plan
from apps.runs.timeline import Clock, RowView, error_text, kind_of, row_view, tries_of

LOG_SHOWN = 200
# Of one value the page shows this much; the API has the whole.
TEXT_SHOWN = 20_000
FILES_SHOWN = 24
ROWS_SHOWN = 50
COLUMNS_SHOWN = 12
FOLDED_FROM = 400


@dataclass(frozen=True)
class ValueView:
    """A value at a port: text or JSON as ``text``, files, or a table with ``columns`` and ``rows``."""

    port: str
    title: str
    kind: str
    text: str = ""
    files: tuple[Mapping[str, Any], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    more: int = 0

    @property
    def folded(self) -> bool:
        """Whether it is long enough to be folded at first."""
        return len(self.text) > FOLDED_FROM or len(self.rows) > ROWS_SHOWN // 5


@dataclass(frozen=True)
class TryView:
    """One attempt."""

    number: int
    state: str
    started_at: datetime | None
    seconds: float | None
    error: str
    cost: int


def step_of(run: Run, node: str) -> PlanStep | None:
    """The plan's step of a node; None when this run has no such node."""
    return next((step for step in run_plan(run).steps if step.node == node), None)


def step_context(run: Run, plan_step: PlanStep, item: int) -> dict[str, Any] | None:
    """What the panel shows of a step; None when the step has no such item."""
    steps = Step.objects.filter(run_id=run.id, position=plan_step.position)
    row = steps.filter(item=item).first()
    if row is None and item:
        return None
    context: dict[str, Any] = {
        "run": run,
        "step": plan_step,
        "kind": kind_of(plan_step.type.type),
        "item": item,
        "settings": settings_lines(plan_step),
        "lines": _lines(run, plan_step.node, item),
        "generations": _generations(run, plan_step.node, item),
        "children": list(
            Run.objects.filter(parent_id=run.id, parent_position=plan_step.position, parent_item=item)
            .only("id", "state", "parent_attempt")
            .order_by("parent_attempt")
        ),
        "pinned": plan_step.policy.pin is not None,
        "pins_all": not plan_step.variants and (item > 0 or steps.filter(item=1).exists()),
        "effect": plan_step.type.effect.value,
    }
    if row is None:
        return {**context, "view": None, "row": None}
    tries = tries_of(run, [row.position], item=item).get(row.position, [])
    view = row_view(Clock(run), plan_step, row, tries, outputs=row.outputs)
    inputs = _values(row.inputs, plan_step.type.inputs)
    outputs = _values(row.outputs, plan_step.type.outputs) if row.state in STEP_EMITTED else []
    return {
        **context,
        "row": row,
        "view": view,
        "tries": [*map(_try_past, tries), *_try_last(row, view)],
        "inputs": inputs,
        "outputs": outputs,
        "sides": [({"name": "out", "title": _("Output")}, outputs), ({"name": "in", "title": _("Input")}, inputs)],
    }


def _generations(run: Run, node: str, item: int) -> list[Generation]:
    """The paid calls of a step: ``route_lines`` says who was asked before, ``question`` what a person decides."""
    rows = list(Generation.objects.filter(run_id=run.id, node=node, item=item).order_by("attempt"))
    for row in rows:
        row.route_lines = route_said(row)
        row.question = question(row) if row.asks else ""
    return rows


def _lines(run: Run, node: str, item: int) -> list[tuple[datetime, str]]:
    rows = RunEvent.objects.filter(run_id=run.id, kind="step_log", body__node=node, body__item=item)
    found = list(rows.order_by("-seq").values_list("at", "body")[:LOG_SHOWN])
    return [(at, body["line"]) for at, body in reversed(found)]


def _try_past(one: Any) -> TryView:
    took = (one.finished_at - one.started_at).total_seconds() if one.started_at else None
    return TryView(one.attempt, "failed", one.started_at, took, error_text(one.error), one.cost)


def _try_last(row: Step, view: RowView) -> list[TryView]:
    """The present attempt; between two there is none."""
    if row.started_at is None or row.state in (StepState.CACHED, StepState.PENDING, StepState.SKIPPED):
        return []
    return [TryView(row.attempt, row.state, row.started_at, view.seconds, view.error, row.cost)]


def settings_lines(step: PlanStep) -> list[str]:
    """The settings in force, in words; empty when all is as usual."""
    return [line for line in _settings(step.policy) if line]


def _settings(policy: Policy) -> list[str]:
    return [
        _retries(policy),
        _("Stops after %(time)s") % {"time": _time(policy.timeout_s)} if policy.timeout_s else "",
        {
            OnFailure.STOP: "",
            OnFailure.DEFAULT: _("If it fails: continues with a default value"),
            OnFailure.BRANCH: _("If it fails: continues from the error output"),
        }[policy.on_failure],
        _("If the vendor is busy: asks %(models)s") % {"models": ", ".join(map(_model_title, policy.fallback))}
        if policy.fallback
        else "",
        _("Always runs: results are never reused") if policy.always_new else "",
        _("Does not run: the output is pinned") if policy.pin is not None else "",
    ]


def _model_title(model_id: str) -> str:
    model = MODELS.get(model_id)
    return _(model.title) if model else model_id


def _time(seconds: float) -> str:
    """A set duration: whole numbers stay whole."""
    return _("%(n)s s") % {"n": f"{seconds:g}"} if 1 <= seconds < 60 else seconds_text(seconds)


def _retries(policy: Policy) -> str:
    if not policy.retries:
        return ""
    said = {"count": policy.retries, "time": _time(policy.backoff_s), "factor": f"{policy.factor:g}"}
    if policy.retries == 1:
        return _("1 retry, after %(time)s") % said
    if policy.factor == 1:
        return _("Up to %(count)s retries, %(time)s apart") % said
    if policy.factor == 2:
        return _("Up to %(count)s retries, the first after %(time)s, then twice as long each time") % said
    return _("Up to %(count)s retries, the first after %(time)s, then %(factor)s times as long each time") % said


def _values(values: Mapping[str, Any] | None, ports: Iterable[Port]) -> list[ValueView]:
    titles = {port.name: port.title for port in ports}
    return [
        value_view(name, _(titles[name]) if titles.get(name) else name, value) for name, value in (values or {}).items()
    ]


def value_view(port: str, title: str, value: Any) -> ValueView:
    """A value as people look at it."""
    listed = value if isinstance(value, list) else [value]
    if listed and all(is_asset(one) for one in listed):
        files = tuple({**one, "id": one[ASSET_KEY]} for one in listed[:FILES_SHOWN])
        return ValueView(port, title, "files", files=files, more=len(listed) - len(files))
    if isinstance(value, str):
        return ValueView(port, title, "text", text=value[:TEXT_SHOWN], more=max(0, len(value) - TEXT_SHOWN))
    if table := _table(value):
        columns, rows = table
        more = len(value) - len(rows)
        return ValueView(port, title, "table", text=_json(value)[0], columns=columns, rows=rows, more=more)
    text, more = _json(value)
    return ValueView(port, title, "json", text=text, more=more)


def _json(value: Any) -> tuple[str, int]:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text[:TEXT_SHOWN], max(0, len(text) - TEXT_SHOWN)


def _table(value: Any) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]] | None:
    """Columns and rows of a list of flat objects; None for anything else."""
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, Mapping) and one for one in value):
        return None
    shown = value[:ROWS_SHOWN]
    if any(isinstance(cell, (list, Mapping)) for one in shown for cell in one.values()):
        return None
    columns = tuple(dict.fromkeys(str(name) for one in shown for name in one))
    if len(columns) > COLUMNS_SHOWN:
        return None
    return columns, tuple(tuple("" if (cell := one.get(name)) is None else cell for name in columns) for one in shown)


def inputs_editable(step: PlanStep, row: Step) -> list[dict[str, Any]]:
    """The inputs of a step as fields of a form: text as it is, everything else as JSON."""
    given = row.inputs or {}
    return [
        {
            "name": port.name,
            "title": _(port.title),
            "type": port.type.value,
            "plain": _plain(port.type.value, given.get(port.name)),
            "text": given[port.name]
            if _plain(port.type.value, given.get(port.name))
            else json.dumps(given[port.name], indent=2, ensure_ascii=False),
        }
        for port in step.type.inputs
        if port.name in given
    ]


def _plain(kind: str, value: Any) -> bool:
    return isinstance(value, str) and kind in ("text", "any")


class BadInput(ValueError):
    """What was typed into a field is no value."""


def inputs_read(fields: list[dict[str, Any]], posted: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a posted form; :class:`BadInput` says which field cannot be read."""
    values: dict[str, Any] = {}
    for field in fields:
        text = posted.get(f"input-{field['name']}", field["text"])
        field["text"] = text
        if field["plain"]:
            values[field["name"]] = text.replace("\r\n", "\n")
            continue
        try:
            values[field["name"]] = json.loads(text)
        except ValueError as error:
            problem = _("“%(port)s” is not valid JSON. Put text in double quotes.") % {"port": field["title"]}
            raise BadInput(problem) from error
    return values
