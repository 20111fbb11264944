"""What a paid call needs before it is sent: credits, good settings, a place of its own; and what the tables refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from apps.billing.services import InsufficientCredits
from apps.generations.execution.submission import submit
from apps.generations.models import Generation, GenerationOutput, GenerationState
from apps.generations.services import (
    GenerationNotFound,
    InvalidGeneration,
    generation_cancel,
    generation_start,
)
from apps.workspaces.models import Workspace
from tests.generations.conftest import PRICE_HIGH, look, money, send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]
STATE = GenerationState


def test_not_enough_credits_writes_and_sends_nothing(workspace: Workspace, vendor: Vendor) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        generation_start(workspace_id=workspace.id, project_id=None, model="sandbox/image", params={"prompt": "x"})
    assert refused.value.missing == PRICE_HIGH
    assert Generation.objects.for_workspace(workspace.id).count() == 0
    assert vendor.submissions == []


def test_bad_settings_name_their_field(start: Start, rich: Workspace) -> None:
    with pytest.raises(InvalidGeneration) as refused:
        start(params={"prompt": "x", "width": 100_000})
    assert [problem["field"] for problem in refused.value.fields] == ["width"]
    with pytest.raises(InvalidGeneration):
        start(model="nobody/nothing")
    with pytest.raises(InvalidGeneration) as refused:
        start(inputs={"image": {"$asset": "00000000-0000-7000-8000-000000000000"}})
    assert [problem["field"] for problem in refused.value.fields] == ["image"]
    with pytest.raises(InvalidGeneration):
        start(inputs={"image": {"$asset": "not an id"}})
    assert money(rich) == (0, 0)


def test_same_place_in_a_run_is_one_generation(start: Start, rich: Workspace, vendor: Vendor) -> None:
    place = {"run_id": rich.id, "node": "n1", "item": 0, "attempt": 1}
    assert start(**place).id == start(**place).id
    assert start(**{**place, "attempt": 2}).id != start(**place).id
    assert money(rich) == (0, 2 * PRICE_HIGH)


def test_same_idempotency_key_is_one_generation(start: Start, rich: Workspace) -> None:
    assert start(idempotency_key="k").id == start(idempotency_key="k").id
    assert money(rich) == (0, PRICE_HIGH)


def test_seed_is_chosen_and_kept(start: Start) -> None:
    row = start(params={"prompt": "x"})
    assert row.seed is not None
    assert row.params["seed"] == row.seed


def test_input_files_travel_with_an_address(start: Start, vendor: Vendor, rich: Workspace) -> None:
    first = send(start())
    vendor.finish()
    look(first)
    vendor.jobs.clear()
    send(start(model="sandbox/video", inputs={"image": first.outputs[0]}))
    sent = vendor.submissions[1]["inputs"]["image"]
    assert sent["$asset"] == first.outputs[0]["$asset"]
    assert sent["url"].startswith("http")


def test_nothing_crosses_workspaces(start: Start, foreign_workspace: Workspace, vendor: Vendor) -> None:
    row = start()
    with pytest.raises(GenerationNotFound):
        generation_cancel(workspace_id=foreign_workspace.id, generation_id=row.id)
    assert submit(workspace_id=foreign_workspace.id, generation_id=row.id) is None
    assert vendor.submissions == []


def test_the_database_refuses_an_output_of_another_workspace(
    start: Start, vendor: Vendor, foreign_workspace: Workspace
) -> None:
    row = send(start())
    vendor.finish()
    look(row)
    with pytest.raises(IntegrityError), transaction.atomic():
        GenerationOutput.objects.for_workspace(foreign_workspace.id).create(
            workspace=foreign_workspace, generation=row, asset_id=row.outputs[0]["$asset"], position=9
        )
        transaction.get_connection().check_constraints()


def test_the_database_refuses_a_charge_without_success(start: Start) -> None:
    row = start()
    rows = Generation.objects.for_workspace(row.workspace_id).filter(id=row.id)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(cost=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state="somewhere")
