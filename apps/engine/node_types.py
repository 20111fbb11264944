"""What a node type declares, and the ports through which a node reaches the world while it runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from apps.engine.types import PortType
from apps.wording import gettext as _
from apps.wording.schema import sentence, unknown


class Effect(StrEnum):
    """What a node does to the world; it decides caching, durability and retries."""

    PURE = "pure"
    PAID = "paid"
    WRITE = "write"
    WAIT = "wait"


class Lane(StrEnum):
    """Where a node runs: inside the driver, in a thread that waits for others, or in a process of its own."""

    INLINE = "inline"
    IO = "io"
    WORK = "work"


@dataclass(frozen=True)
class Port:
    """One input or output of a node type. ``many`` takes several edges; its value is a list in edge order.

    Of an output, ``many`` says that it is a list of that type: whoever takes one of them runs once per item.
    """

    name: str
    type: PortType
    title: str = ""
    required: bool = True
    many: bool = False


@dataclass(frozen=True)
class Quote:
    """A price in micro-credits, lowest and highest.

    ``own``: vendors among those asked that bill the workspace itself, by a key of its own; their part is 0 here.
    """

    low: int = 0
    high: int = 0
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProviderCall:
    """A paid node's request: which model, with what settings and inputs. At a text port goes what the model wrote."""

    model: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    output_port: str


@dataclass(frozen=True)
class WaitUntil:
    """A waiting node's answer: wake at this moment and emit these outputs.

    ``request`` says what an answer may come from before that (an approval, a callback): kept with the step, whoever
    answers settles it.
    """

    at: datetime
    outputs: Mapping[str, Any]
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ChildRun:
    """A node that is a workflow: run this version of it with these inputs by name."""

    workflow_id: str
    version: int
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a step in the ``work`` lane may use before it is stopped: MiB of memory, seconds of CPU, seconds in all."""

    memory_mb: int = 2048
    cpu_s: float = 300
    time_s: float = 600


class NodeFailure(Exception):
    """A node could not do its work; the message is for the person. ``permanent`` failures are not retried."""

    def __init__(self, message: str, *, code: str = "failed", permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


class Stopped(Exception):
    """The run was cancelled while a node slept."""


class NodeContext(Protocol):
    """What a running node may ask of the world."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The run's variables."""

    @property
    def now(self) -> datetime:
        """The clock, passed in."""

    @property
    def attempt(self) -> int:
        """1 for the first try of this step."""

    def asset_open(self, ref: Mapping[str, Any]) -> AbstractContextManager[Path]:
        """The bytes of an asset as a temporary file."""

    def asset_get(self, asset_id: str) -> Mapping[str, Any]:
        """The reference of an asset by its id; NodeFailure when it is not there."""

    def asset_save(self, path: Path, filename: str) -> Mapping[str, Any]:
        """Keep a file; answers its reference."""

    def asset_publish(self, ref: Mapping[str, Any], title: str) -> None:
        """Show an asset in the gallery."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is, 0 to 1."""

    def log(self, message: str) -> None:
        """Write a line to the step's log."""

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long; :class:`Stopped` within a moment when the run is cancelled meanwhile."""


Result = Mapping[str, Any] | ProviderCall | WaitUntil | ChildRun
Run = Callable[[NodeContext, Mapping[str, Any], Mapping[str, Any]], Result]


class Pricer(Protocol):
    """What a paid node costs with these parameters, and with its inputs where they are known already.

    ``fallbacks`` are the models that may be asked instead: the upper end is that of the dearest. ``own``: the vendors
    that are called with a key of the workspace's own, which costs no credits.
    """

    def __call__(
        self,
        params: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] = (),
        own: Collection[str] = (),
    ) -> Quote: ...


def _no_problems(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    return []


@dataclass(frozen=True)
class NodeType:
    """A kind of node: one declaration for palette, form, validation, docs, API and execution.

    ``run(context, inputs, params)`` answers the outputs by port name (a port it leaves out is not emitted, and what
    hangs on it is skipped), a :class:`ProviderCall`, or a :class:`WaitUntil`. ``version`` rises when the same inputs
    would give other outputs.
    """

    type: str
    version: int
    title: str
    category: str
    description: str
    effect: Effect
    lane: Lane
    icon: str
    run: Run
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], list[tuple[str, str]]] = _no_problems
    quote: Pricer | None = None
    model_kind: str | None = None
    # Of a node that asks a model: why another model cannot be asked instead, as a sentence; None where it can.
    stand_in: Callable[[Mapping[str, Any], str], str | None] | None = None
    # Of a node that asks a model: its parameters as a variant has them, without those that another model does not take.
    vary: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] | None = None
    # Of a node that acts outside: one sentence that says what it would do, for plans and dry runs.
    would: Callable[[Mapping[str, Any], Mapping[str, Any]], str] | None = None
    # Takes no time and reads nothing that is not given to it: a plan may compute it.
    instant: bool = False
    limits: Limits = Limits()
    # At most so many of its steps run at once in one workspace.
    parallel: int | None = None
    # Ports that no edge can reach: what a run gives the node when it starts.
    given: tuple[Port, ...] = ()
    # The parameter whose value no two nodes of this type in one graph may share.
    unique: str | None = None
    # A workflow as a node: `run` answers a ChildRun. ``content`` are the types and versions inside, all the way down.
    nested: bool = False
    content: tuple[tuple[str, int], ...] = ()
    # Whether a step with these parameters reads the run's variables beside them: they are part of its work then.
    reads_variables: Callable[[Mapping[str, Any]], bool] | None = None
    # The variables without which a step with these parameters is sure to fail, each with the parameter that names it.
    variables_needed: Callable[[Mapping[str, Any]], list[tuple[str, str]]] = _no_problems
    # Its results are never reused.
    always_new: bool = False
    # Its price counts one item where a list may come: how long that is shows in the run.
    per_item: bool = False

    def __hash__(self) -> int:
        """A type is what its name, version and outputs say; its schemas are mappings and cannot be hashed."""
        return hash((self.type, self.version, self.outputs))

    def outputs_in(self, result: Result) -> Mapping[str, Any]:
        """The outputs that ``run`` answered; TypeError for what only other kinds of nodes may answer."""
        if isinstance(result, ProviderCall | WaitUntil | ChildRun):
            raise TypeError(f"{self.type} must answer outputs")
        return result

    def input(self, name: str) -> Port | None:
        """The input port of that name."""
        return next((port for port in self.inputs if port.name == name), None)

    def takes(self, name: str) -> bool:
        """Whether a run can be given a value for that port."""
        return any(port.name == name for port in (*self.inputs, *self.given))

    def output(self, name: str) -> Port | None:
        """The output port of that name."""
        return next((port for port in self.outputs if port.name == name), None)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of the parameters."""
        closed = self.model_kind is None
        return {"type": "object", "additionalProperties": not closed, **self.params}

    def with_defaults(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """``params`` with the schema's defaults where nothing is given."""
        defaults = {
            name: spec["default"] for name, spec in self.params.get("properties", {}).items() if "default" in spec
        }
        return {**defaults, **{name: value for name, value in params.items() if value is not None}}

    def params_problems(self, params: Mapping[str, Any]) -> list[tuple[str, str]]:
        """``(parameter, sentence)`` for everything wrong with ``params``. A sentence never repeats the value."""
        found: list[tuple[str, str]] = []
        for error in _validator(self).iter_errors({k: v for k, v in params.items() if not is_variable(v)}):
            path = [str(part) for part in error.instance_path]
            if path:
                about = {"title": path[0], **self.params["properties"][path[0]]}
                if len(path) > 1 and "items" in about:
                    about = {**about["items"], "title": about["title"]}  # what is wrong with one of a list
                found.append((path[0], sentence(about, error)))
            else:
                names = getattr(error.kind, "unexpected", ())
                found += [("", unknown(name, _(self.title))) for name in names]
        return found or self.check(self.with_defaults(params))


def is_variable(value: Any) -> bool:
    """Whether a parameter's value is a reference to a variable: ``{"$variable": "name"}``."""
    return isinstance(value, Mapping) and set(value) == {"$variable"} and isinstance(value["$variable"], str)


_validators: dict[tuple[str, int], Any] = {}


def _validator(node_type: NodeType) -> Any:
    key = (node_type.type, node_type.version)
    if key not in _validators:
        import jsonschema_rs  # three megabytes, which who never looks at parameters need not hold

        schema = node_type.schema
        # Required parameters may come from variables, whose value shows at run time.
        _validators[key] = jsonschema_rs.validator_for(
            {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}, mask="this value"
        )
    return _validators[key]
