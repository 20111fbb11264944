"""A new model of a known vendor is one entry in the admin console, and no code: form, check, price, call, tape."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.services import balance_get, credits_grant
from apps.generations.catalogue_store import CATALOGUE
from apps.generations.models import CatalogueEntry, Generation
from apps.providers.catalogue import MODELS, models_replace
from apps.workspaces.models import Workspace
from tests.conftest import client_of
from tests.vendors.fal_server import FalServer
from tests.vendors.life import account, live
from tests.vendors.server import serving

pytestmark = pytest.mark.django_db
MODEL = "fal/krea"
ENTRY: dict[str, Any] = {
    "id": MODEL,
    "version": 1,
    "kind": "image",
    "title": "FLUX.1 Krea on fal",
    "description": "A model that came out after this version of the product.",
    "capabilities": ["text-to-image"],
    "inputs": {"prompt": {"$use": "prompt"}},
    "params": {
        "seed": {"$use": "seed"},
        "num_inference_steps": {"type": "integer", "title": "Steps", "default": 28, "minimum": 1, "maximum": 50},
    },
    "price": {"terms": [{"usd": 0.03, "per": "image"}], "source": "a test", "as_of": "2026-11-30"},
    "call": {"app": "fal-ai/flux-1/krea"},
}


@pytest.fixture
def server() -> Iterator[FalServer]:
    made = FalServer()
    with serving(made):
        yield made
    models_replace([])


def test_a_model_from_the_admin_console_to_the_picture(
    server: FalServer,
    workspace: Workspace,
    api: Callable[..., Client],
    alice_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MODEL not in MODELS
    staff = client_of(User.objects.create_superuser("root@example.org"))
    told = {"model": MODEL, "version": "1", "document": json.dumps(ENTRY), "active": "on", "note": "new on fal"}
    answer = staff.post("/admin/generations/catalogueentry/add/", told)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert CatalogueEntry.objects.get().created_by is not None
    CATALOGUE.load()  # as each process does within moments
    client = api()
    listed = {one["id"]: one for one in client.get("/api/v1/models?limit=1000").json()["items"]}[MODEL]
    assert set(listed["params"]["properties"]) == {"seed", "num_inference_steps"}
    assert listed["price"]["source"] == "a test"
    page = alice_client.get(f"/w/mill/tape/new/?model={MODEL}").content.decode()
    assert "Steps" in page
    credits_grant(workspace_id=workspace.id, amount=100_000_000, reason="t", source="t", source_id="new")
    with account(server):
        body: dict[str, Any] = {"model": MODEL, "params": {"prompt": "a mill", "num_inference_steps": 51}}
        refused = client.post("/api/v1/generations", body, content_type="application/json")
        assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "num_inference_steps")
        body["params"]["num_inference_steps"] = 30
        made = client.post("/api/v1/generations", body, content_type="application/json").json()
        assert made["price"] == {"low": 3_000_000, "high": 3_000_000}
        row = live(Generation.objects.for_workspace(workspace.id).get(), monkeypatch)
    assert (row.state, row.cost, row.model_version) == ("succeeded", 3_000_000, 1)
    assert row.outputs[0]["kind"] == "image"
    assert server.asked("num_inference_steps") == 30, "as the vendor's own description of this endpoint allows"
    assert balance_get(workspace_id=workspace.id).posted == 97_000_000
