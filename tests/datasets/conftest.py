from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.assets.models import Asset
from apps.assets.services import asset_ref, asset_store
from apps.common.ids import uuid7
from apps.common.tenancy import scope
from apps.datasets import services
from apps.datasets.models import Dataset, Version
from apps.datasets.selection import Selection
from apps.generations.models import Generation, GenerationOutput
from apps.workspaces.models import Workspace
from tests.assets.files import picture
from tests.datasets.frozen import frozen
from tests.generations.conftest import rich, start, vendor

__all__ = ["rich", "start", "vendor"]

Made = Callable[..., Generation]


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., Asset]:
    """``store(workspace, seed)``: a picture of its own as a ready asset."""

    def keep(workspace: Workspace, seed: int = 0) -> Asset:
        path = tmp_path / f"{seed}.png"
        path.write_bytes(picture(seed=seed))
        return asset_store(workspace_id=workspace.id, path=path, filename=path.name, source="generation")

    return keep


@pytest.fixture
def made(workspace: Workspace, store: Callable[..., Asset]) -> Made:
    """``made(seed=…, **columns)``: a generation that is over, with a picture of its own unless ``assets`` are given."""
    count = 0

    def make(*, assets: list[Asset] | None = None, where: Workspace = workspace, **columns: Any) -> Generation:
        nonlocal count
        count += 1
        with scope(where.id):
            files = [store(where, count)] if assets is None else assets
            row = generation_row(where.id, count, **columns)
            row.outputs = [asset_ref(asset) for asset in files]
            row.save(force_insert=True)
            for position, asset in enumerate(files):
                GenerationOutput.objects.create(workspace_id=where.id, generation=row, asset=asset, position=position)
        return row

    return make


def generation_row(workspace_id: UUID, number: int, **columns: Any) -> Generation:
    """A generation that succeeded, unsaved."""
    at: datetime = columns.pop("at", timezone.now() - timedelta(days=1) + timedelta(seconds=number))
    told: dict[str, Any] = {
        "kind": "image",
        "provider": "sandbox",
        "model": "sandbox/image",
        "prompt": f"a mill, number {number}",
        "params": {"prompt": f"a mill, number {number}", "seed": number, "width": 96},
        "seed": number,
        "state": "succeeded",
        "price_low": 10,
        "price_high": 20,
        "cost": 15 if columns.get("state", "succeeded") == "succeeded" else 0,
        "latency_ms": 1200,
        "request_digest": b"x",
        "deadline_at": at,
        "created_at": at,
        "settled_at": at,
    }
    row = Generation(id=uuid7(), workspace_id=workspace_id, **{**told, **columns})
    row.hold_id = row.id
    return row


@pytest.fixture
def agreed(workspace: Workspace, alice: User) -> Workspace:
    """The workspace has agreed, and named a licence."""
    services.workspace_consent_set(workspace_id=workspace.id, allowed=True, actor_id=alice.id)
    services.licence_set(workspace_id=workspace.id, model="", text="CC-BY-4.0", actor_id=alice.id)
    return workspace


@pytest.fixture
def freeze(workspace: Workspace, alice: User) -> Callable[..., Version]:
    """``freeze(**filter)``: a version of a new dataset."""

    def make(dataset: Dataset | None = None, **chosen: Any) -> Version:
        target = dataset or services.dataset_create(workspace_id=workspace.id, name="Mills", actor_id=alice.id)
        version = services.version_freeze(
            workspace_id=workspace.id,
            dataset_id=target.id,
            selection=Selection(**chosen),
            note="first",
            actor_id=alice.id,
        )
        return frozen(version)

    return make
