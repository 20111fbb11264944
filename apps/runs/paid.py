"""A paid step's generation: started once per attempt, looked at until it has settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.billing.services import CreditsRefused
from apps.engine.node_types import NodeFailure, ProviderCall
from apps.engine.plan import PlanStep
from apps.generations.models import Generation, GenerationState
from apps.generations.route import route_said
from apps.generations.services import (
    InvalidGeneration,
    Payer,
    generation_cancel,
    generation_start,
    generation_withdraw,
)
from apps.runs.lease import Lease
from apps.runs.outermost import outermost
from apps.runs.records import cancelled as cancelled_error


@dataclass(frozen=True)
class Outcome:
    """How a generation, or a run that is a step, ended. ``cost`` in micro-credits; ``ports`` are a run's outputs.

    ``model`` is the one that answered, ``text`` what it wrote, ``route`` a sentence about each that was asked before.
    """

    outputs: tuple[Mapping[str, Any], ...]
    cost: int
    error: Mapping[str, Any] | None
    cancelled: bool
    ports: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    model: str = ""
    route: tuple[str, ...] = ()


def generation_ensure(
    lease: Lease, step: PlanStep, item: int, attempt: int, call: ProviderCall, *, cancelled: bool, stopped: bool
) -> Outcome | None:
    """Start the step's generation if this attempt has none; its outcome, or None while it is in flight.

    ``cancelled``: it is to end. ``stopped``: its run has failed, so it goes on only if the provider was asked already.
    Raises :class:`NodeFailure` when it cannot be started: too few credits, a budget, or parameters the model refuses.
    """
    generation = Generation.objects.filter(run_id=lease.run_id, node=step.node, item=item, attempt=attempt).first()
    if generation is None:
        if cancelled:
            return Outcome((), 0, cancelled_error(), True)
        generation = _start(lease, step, item, attempt, call)
    ids = {"workspace_id": lease.workspace_id, "generation_id": generation.id}
    if generation.is_live and cancelled:
        generation = generation_cancel(**ids)
    elif stopped and generation.state == GenerationState.PREPARED:
        generation = generation_withdraw(**ids)
    return None if generation.is_live else _outcome(generation)


def _start(lease: Lease, step: PlanStep, item: int, attempt: int, call: ProviderCall) -> Generation:
    try:
        return generation_start(
            workspace_id=lease.workspace_id,
            project_id=lease.project_id,
            model=call.model,
            params=call.params,
            inputs=call.inputs,
            fallbacks=step.policy.fallback,
            promised=lease.own_providers,
            run_id=lease.run_id,
            workflow_id=lease.workflow_id,
            node=step.node,
            item=item,
            attempt=attempt,
            actor_id=lease.actor_id,
            payer=_payer(lease),
        )
    except CreditsRefused as error:
        raise NodeFailure(str(error), code=error.code) from error
    except InvalidGeneration as error:
        raise NodeFailure(str(error), code="invalid-params") from error


def _payer(lease: Lease) -> Payer:
    """The run's hold; the wallet where the run holds nothing, told by the outermost run."""
    if lease.has_hold:
        return Payer(lease.run_id, lease.token_id)
    return Payer(token_id=lease.token_id, billed=outermost(lease))


def _outcome(generation: Generation) -> Outcome:
    if generation.state == "succeeded":
        return Outcome(
            tuple(generation.outputs),
            generation.cost,
            None,
            False,
            text=generation.text,
            model=generation.model,
            route=tuple(route_said(generation)),
        )
    error = {
        "code": generation.error_code or generation.state,
        "message": generation.error or _("The generation did not succeed. You were not charged."),
        "permanent": generation.permanent,
        "generation": str(generation.id),
    }
    return Outcome((), generation.cost or 0, error, generation.state == "cancelled")
