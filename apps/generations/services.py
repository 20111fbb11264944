"""The door for writes: start, cancel, give up."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.assets.models import Asset, AssetState
from apps.assets.services import asset_ref
from apps.billing.services import credits_hold, hold_split
from apps.common.ids import uuid7
from apps.generations import events
from apps.generations.adapters import asset_ids
from apps.generations.execution import timing
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.models import LIVE, POLLED, Generation, GenerationState
from apps.generations.pricing import NotPriced, account_and_price, price_agree
from apps.generations.tasks import generation_cancel_send, generations_poll, submissions_call
from apps.providers.catalogue import MODELS, Model, inputs_problems, params_problems
from apps.wording.schema import unknown
from apps.workspaces.audit import audit_record
from apps.workspaces.switches import SwitchedOff, SwitchName, provider_switch, switch_require

SEED_MAX = 2**31 - 1


class InvalidGeneration(Exception):
    """The settings of this call are not valid."""

    def __init__(self, fields: list[dict[str, str]]) -> None:
        """``fields``: one ``{"field", "message"}`` per problem, for people."""
        super().__init__(fields[0]["message"] if fields else InvalidGeneration.__doc__)
        self.fields = fields


class GenerationNotFound(Exception):
    """There is no such generation in this workspace."""


class GenerationNotUnclear(Exception):
    """Only a generation whose answer was lost can be given up."""


class Billed(NamedTuple):
    """The run and the workflow that what a call costs is told by, where no hold of theirs says so."""

    run_id: UUID | None
    workflow_id: UUID | None


class Origin(TypedDict, total=False):
    """Where a call comes from: a step of a run, a request that may be repeated, a comparison.

    ``differs`` is what tells it from the others of its comparison; ``item`` its place there, or in a step's list.
    """

    workflow_id: UUID | None
    run_id: UUID | None
    node: str
    item: int
    attempt: int
    actor_id: UUID | None
    idempotency_key: str
    comparison_id: UUID | None
    differs: Mapping[str, Any] | None


class Payer(NamedTuple):
    """Who pays: the run's hold, or the wallet; the API token that asked; what it counts for where it is no run's."""

    parent_hold_id: UUID | None = None
    token_id: UUID | None = None
    billed: Billed | None = None


WALLET = Payer()


def generation_start(
    *,
    workspace_id: UUID,
    project_id: UUID | None,
    model: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    fallbacks: Sequence[str] = (),
    promised: Collection[str] = (),
    payer: Payer = WALLET,
    agreed: int | None = None,
    **origin: Unpack[Origin],
) -> Generation:
    """Price it, hold the credits and hand it to the provider's lane, all or nothing.

    ``agreed``: the highest price, in micro-credits, that whoever asks was shown; PriceRisen where it now costs more.
    Repeating a call with the same (run, node, item, attempt) or idempotency key returns the first row. Raises what
    :func:`generation_price` and :func:`generation_place` raise, before anything is written.
    """
    row = generation_price(
        workspace_id=workspace_id,
        project_id=project_id,
        model=model,
        params=params,
        inputs=inputs,
        fallbacks=fallbacks,
        promised=promised,
        **origin,
    )
    if agreed is not None and row.price_high > agreed and (first := _first(row)):
        return first  # a repeat of what was agreed to at its price
    price_agree(low=row.price_low, high=row.price_high, agreed=agreed)
    return generation_place(row, payer=payer)


def generation_price(
    *,
    workspace_id: UUID,
    project_id: UUID | None,
    model: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    fallbacks: Sequence[str] = (),
    promised: Collection[str] = (),
    **origin: Unpack[Origin],
) -> Generation:
    """The call as a row that is not written yet, with its price. Raises InvalidGeneration.

    ``inputs`` are asset references by name; a plain value among them counts as a parameter. ``fallbacks`` are models
    that are asked in turn where a vendor is busy or ill; the hold is for the dearest. ``promised`` are the vendors that
    it was priced with a key of the workspace's own for: credits never pay those.
    """
    found, settings, references = _settings(workspace_id, model, params, inputs or {})
    _switches_ask(workspace_id, found)
    place: dict[str, Any] = {"workspace_id": workspace_id, "project_id": project_id}
    try:
        price = account_and_price(
            **place,
            model=found,
            fallbacks=fallbacks,
            settings=settings,
            references=references,
            promised=promised,
        )
    except NotPriced as error:
        raise InvalidGeneration([{"field": error.field, "message": str(error)}]) from error
    asked = {**_request(found, settings, references), **_times(timezone.now())}
    return Generation(**place, **origin, **price, **asked)


def generation_place(row: Generation, *, payer: Payer = WALLET) -> Generation:
    """Write a priced row, hold its price and call for a sender; the first row where this call was made before.

    Raises InsufficientCredits or BudgetExceeded (from billing), and nothing is written then.
    """
    row.id = row.hold_id = uuid7()
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _hold(row, payer)
            transaction.on_commit(submissions_call, robust=True)
            events.progressed(row)
    except IntegrityError:
        first = _first(row)
        if first is None:
            raise
        return first
    return row


def generation_cancel(*, workspace_id: UUID, generation_id: UUID) -> Generation:
    """Cancel it: at once when nothing was sent, else by asking the provider. Nothing happens to an ended one.

    A job that the provider delivered before the cancel reached it ends as succeeded and is charged.
    """
    now = timezone.now()
    with transaction.atomic():
        generation = _locked(workspace_id, generation_id)
        if generation.state == GenerationState.PREPARED:
            settle_without_charge(generation, GenerationState.CANCELLED, code="cancelled", now=now)
        elif generation.state in LIVE and generation.cancel_requested_at is None:
            Generation.objects.for_workspace(workspace_id).filter(id=generation_id).update(cancel_requested_at=now)
            ids = {"workspace_id": str(workspace_id), "generation_id": str(generation_id)}
            generation_cancel_send.delay_on_commit(**ids)
            events.progressed(generation)
    generation.refresh_from_db()
    return generation


def generation_withdraw(*, workspace_id: UUID, generation_id: UUID) -> Generation:
    """Cancel it if nothing was sent yet; what was goes on."""
    only_from = (GenerationState.PREPARED,)
    with transaction.atomic():
        generation = _locked(workspace_id, generation_id)
        settle_without_charge(
            generation, GenerationState.CANCELLED, code="cancelled", now=timezone.now(), only_from=only_from
        )
    generation.refresh_from_db()
    return generation


def generation_give_up(*, workspace_id: UUID, generation_id: UUID) -> Generation:
    """A person gives up a lost answer: failed, and the hold goes back. Raises GenerationNotUnclear."""
    with transaction.atomic():
        generation = _locked(workspace_id, generation_id)
        only_from = (GenerationState.UNKNOWN,)
        if not settle_without_charge(
            generation, GenerationState.FAILED, code="given_up", now=timezone.now(), only_from=only_from
        ):
            raise GenerationNotUnclear(GenerationNotUnclear.__doc__)
        given_up = {"model": generation.model}
        audit_record(workspace_id=workspace_id, action="generation_give_up", target_id=generation_id, before=given_up)
    generation.refresh_from_db()
    return generation


def generation_look(*, generation: Generation) -> None:
    """A genuine webhook arrived: look now, whatever it says. Nothing happens to what is over or being copied."""
    rows = Generation.objects.for_workspace(generation.workspace_id).filter(id=generation.id)
    if rows.filter(state__in=POLLED, delivery__isnull=True).update(poll_after=timezone.now()):
        generations_poll.delay_on_commit()


def _switches_ask(workspace_id: UUID, model: Model) -> None:
    """InvalidGeneration, said of the model, where staff have paused paid calls or this vendor."""
    try:
        switch_require(SwitchName.PAID_CALLS, workspace_id)
        switch_require(provider_switch(model.provider), workspace_id)
    except SwitchedOff as error:
        raise InvalidGeneration([{"field": "model", "message": str(error)}]) from error


def _settings(
    workspace_id: UUID, model: str, params: Mapping[str, Any], inputs: Mapping[str, Any]
) -> tuple[Model, dict[str, Any], dict[str, Any]]:
    """The model, its parameters with a seed, and the input references; raises InvalidGeneration."""
    found = MODELS.get(model)
    if found is None or found.retired:
        raise InvalidGeneration([{"field": "model", "message": _("There is no model “%(model)s”.") % {"model": model}}])
    given = {name: value for name, value in inputs.items() if isinstance(value, (dict, list)) and value}
    plain = {name: value for name, value in inputs.items() if name not in given and value not in (None, "", [], {})}
    settings = {**plain, **params}
    if "seed" in found.params.get("properties", {}) and settings.get("seed") is None:
        # Chosen here, so that the tape can tell how to make the same thing again.
        settings["seed"] = secrets.randbelow(SEED_MAX)
    problems = [
        {"field": name, "message": message}
        for name, message in params_problems(model, settings, complete=True, files=given)
    ]
    problems += [
        {"field": name, "message": unknown(name, _(found.title))} for name in given if name not in found.inputs
    ]
    references, missing = _references(workspace_id, {name: given[name] for name in given if name in found.inputs})
    problems += missing
    problems += [{"field": name, "message": message} for name, message in inputs_problems(model, given)]
    if problems:
        raise InvalidGeneration(problems)
    return found, settings, references


def _references(workspace_id: UUID, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The inputs as references that we wrote ourselves, and one problem per input that is not a file of ours."""
    references, problems = {}, []
    known = {str(asset.id): asset_ref(asset) for asset in _assets(workspace_id, inputs)}
    for name, value in inputs.items():
        try:
            found = [known.get(str(wanted)) for wanted in asset_ids({name: value})]
        except ValueError:
            found = []
        if found and all(found):
            references[name] = found if isinstance(value, list) else found[0]
        else:
            sentence = _("The input “%(name)s” is not a file of this workspace.") % {"name": name}
            problems.append({"field": name, "message": sentence})
    return references, problems


def _assets(workspace_id: UUID, inputs: Mapping[str, Any]) -> list[Asset]:
    try:
        wanted = asset_ids(inputs)
    except ValueError:
        return []
    ready = Asset.objects.for_workspace(workspace_id).filter(id__in=wanted, state=AssetState.READY)
    return list(ready.select_related("blob")) if wanted else []


def _request(model: Model, settings: dict[str, Any], references: dict[str, Any]) -> dict[str, Any]:
    """The columns that say what was asked."""
    asked = json.dumps([model.id, settings, references], sort_keys=True, default=str)
    seed = settings.get("seed")
    return {
        "kind": model.kind,
        "provider": model.provider,
        "model": model.id,
        "model_version": model.version,
        "prompt": str(settings.get("prompt", "")),
        "params": settings,
        "inputs": references,
        "seed": seed if isinstance(seed, int) else None,
        "request_digest": hashlib.sha256(asked.encode()).digest(),
    }


def _times(now: datetime) -> dict[str, datetime]:
    return {"created_at": now, "poll_after": now, "deadline_at": now + timing.QUEUE_LIMIT}


def _hold(generation: Generation, payer: Payer) -> None:
    description = f"{generation.model}: {generation.prompt[:80]}" if generation.prompt else generation.model
    what: dict[str, Any] = {"amount": generation.price_high, "description": description, "model": generation.model}
    if payer.parent_hold_id is not None:
        hold_split(parent_id=payer.parent_hold_id, hold_id=generation.hold_id, **what)
        return
    billed = payer.billed or Billed(generation.run_id, generation.workflow_id)
    credits_hold(
        workspace_id=generation.workspace_id,
        hold_id=generation.hold_id,
        project_id=generation.project_id,
        run_id=billed.run_id,
        workflow_id=billed.workflow_id,
        actor_id=generation.actor_id,
        token_id=payer.token_id,
        of_generation=True,
        **what,
    )


def _first(generation: Generation) -> Generation | None:
    rows: QuerySet[Generation] = Generation.objects.for_workspace(generation.workspace_id)
    if generation.run_id is not None:
        place = {"node": generation.node, "item": generation.item, "attempt": generation.attempt}
        if first := rows.filter(run_id=generation.run_id, **place).first():
            return first
    return rows.filter(idempotency_key=generation.idempotency_key).exclude(idempotency_key="").first()


def _locked(workspace_id: UUID, generation_id: UUID) -> Generation:
    rows = Generation.objects.for_workspace(workspace_id)
    generation: Generation | None = rows.select_for_update().filter(id=generation_id).first()
    if generation is None:
        raise GenerationNotFound(GenerationNotFound.__doc__)
    return generation
