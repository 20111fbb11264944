"""Comparing without a graph: one request to several models, seeds or values, started all or none."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.billing.services import CreditsRefused
from apps.common.ids import uuid7
from apps.engine.vary import (
    SEED,
    VARIANTS_MAX,
    VARY,
    Variant,
    lists_problem,
    variant_text,
    variants_count,
    variants_of,
)
from apps.generations.models import Generation
from apps.generations.pricing import price_agree
from apps.generations.services import (
    SEED_MAX,
    WALLET,
    InvalidGeneration,
    Payer,
    generation_place,
    generation_price,
)
from apps.providers.catalogue import MODELS, inputs_fit, params_fit


def comparison_start(
    *,
    workspace_id: UUID,
    project_id: UUID | None,
    model: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, Any],
    compare: Mapping[str, Any],
    actor_id: UUID | None = None,
    payer: Payer = WALLET,
    idempotency_key: str = "",
    agreed: int | None = None,
) -> list[Generation]:
    """One generation for each variant, in their order; ``compare`` is ``{models?, seeds?, sweep?}``.

    Another model gets what it takes of the parameters and files. Raises InvalidGeneration, and InsufficientCredits,
    BudgetExceeded or (where they cost more than ``agreed``) PriceRisen about all of them together; then nothing was
    started or held.
    """
    variants = _variants(model, params, compare)
    base = _with_seed(model, params, compare)
    rest: dict[str, Any] = {
        "workspace_id": workspace_id,
        "project_id": project_id,
        "actor_id": actor_id,
        "comparison_id": uuid7(),
    }
    rows = [
        _priced(
            variant,
            model,
            base,
            inputs,
            item=place,
            idempotency_key=f"{idempotency_key}#{place}" if idempotency_key else "",
            **rest,
        )
        for place, variant in enumerate(variants)
    ]
    low, high = sum(row.price_low for row in rows), sum(row.price_high for row in rows)
    price_agree(low=low, high=high, agreed=agreed)
    return _place_all(rows, payer)


@transaction.atomic
def _place_all(rows: list[Generation], payer: Payer) -> list[Generation]:
    placed: list[Generation] = []
    for row in rows:
        try:
            placed.append(generation_place(row, payer=payer))
        except CreditsRefused as error:
            needed = sum(one.price_high for one in rows)
            raise error.of_all(needed=needed, set_aside=sum(one.price_high for one in placed)) from error
    return placed


def comparison_read(comparison_id: UUID) -> list[Generation]:
    """The variants of a comparison of the workspace in scope; empty when there is none."""
    return list(Generation.objects.filter(comparison_id=comparison_id).order_by("item"))


def _variants(model: str, params: Mapping[str, Any], compare: Mapping[str, Any]) -> tuple[Variant, ...]:
    """What is to be made; InvalidGeneration where that is nothing, or too much."""
    count = variants_count(compare)
    if count == 0:
        raise _invalid(_("Say what to compare: models, seeds, or values of a parameter."))
    if count > VARIANTS_MAX:
        told = {"count": count, "most": VARIANTS_MAX}
        raise _invalid(_("These are %(count)s variants; at most %(most)s can be compared.") % told)
    if problem := lists_problem(compare):
        raise _invalid(problem)
    return variants_of({**params, VARY: compare})


def _with_seed(model: str, params: Mapping[str, Any], compare: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is swept is compared with one seed, not with a new one for each."""
    found = MODELS.get(model)
    seeded = found is not None and SEED in found.params["properties"]
    if params.get(SEED) is not None or compare.get("seeds") or not seeded:
        return params
    return {**params, SEED: secrets.randbelow(SEED_MAX)}


def _priced(
    variant: Variant, model: str, params: Mapping[str, Any], inputs: Mapping[str, Any], **rest: Any
) -> Generation:
    asked = str(variant.get("model", model))
    settings, files = dict(params), dict(inputs)
    if asked != model and asked in MODELS:
        settings, _left = params_fit(asked, params)
        files, _left = inputs_fit(asked, {name: value for name, value in inputs.items() if value})
    settings |= {name: value for name, value in variant.items() if name != "model"}
    try:
        return generation_price(model=asked, params=settings, inputs=files, differs=dict(variant), **rest)
    except InvalidGeneration as error:
        raise _invalid(f"{variant_text(variant)}: {error}") from error


def _invalid(said: str) -> InvalidGeneration:
    return InvalidGeneration([{"field": "compare", "message": said}])
