"""Keys of a workspace's own: kept sealed, used, never given out; and what a call with one costs."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common import sealing
from apps.generations.accounts import account_of, platform_credentials
from apps.generations.execution.settlement import settle_without_charge
from apps.generations.keys import KeyInvalid, key_revoke, key_set
from apps.generations.models import AllowedAddress, Generation, GenerationState, ProviderKey
from apps.generations.services import InvalidGeneration, generation_start
from apps.generations.wording import sentence
from apps.projects.services import project_create
from apps.providers.base import Credentials
from apps.providers.catalogue import MODELS, models_replace
from apps.workspaces.models import DataKey, Workspace
from apps.workspaces.secrets import data_keys_rotate, secret_open, secret_seal

pytestmark = pytest.mark.django_db
KEY = "sk-a-key-of-their-own-1234"
ENTRY: dict[str, Any] = {
    "id": "openai/for-a-test",
    "kind": "image",
    "title": "For a test",
    "description": "A model that a test makes.",
    "capabilities": ["text-to-image"],
    "inputs": {"prompt": {"$use": "prompt"}},
    "params": {},
    "price": {"terms": [{"usd": 0.05, "per": "image"}], "source": "a test", "as_of": "2026-11-20"},
}


@pytest.fixture(autouse=True)
def catalogue() -> Any:
    """A model of a vendor the platform has no account with."""
    models_replace([ENTRY])
    yield
    models_replace([])


def start(workspace: Workspace, **more: Any) -> Generation:
    given = {"project_id": None, "model": "openai/for-a-test", "params": {"prompt": "a hill"}, **more}
    return generation_start(workspace_id=workspace.id, **given)


def test_a_key_is_sealed_for_its_row(workspace: Workspace) -> None:
    row = key_set(workspace_id=workspace.id, provider="openai", key=KEY)
    assert KEY.encode() not in bytes(row.sealed)
    assert row.hint == "1234"
    assert secret_open(workspace_id=workspace.id, secret_id=row.id, sealed=bytes(row.sealed)) == KEY
    with pytest.raises(sealing.Unsealable):
        secret_open(workspace_id=workspace.id, secret_id=uuid4(), sealed=bytes(row.sealed))


def test_a_key_moved_to_another_workspace_does_not_open(workspace: Workspace, foreign_workspace: Workspace) -> None:
    secret = uuid4()
    sealed = secret_seal(workspace_id=workspace.id, secret_id=secret, plain=KEY)
    with pytest.raises(sealing.Unsealable):
        secret_open(workspace_id=foreign_workspace.id, secret_id=secret, sealed=sealed)


def test_rotation_wraps_anew_and_the_old_key_may_go(workspace: Workspace, settings: Any) -> None:
    row = key_set(workspace_id=workspace.id, provider="openai", key=KEY)
    settings.SECRETS_KEYS = f"2026:{base64.b64encode(os.urandom(32)).decode()}"
    assert data_keys_rotate() == 1
    assert data_keys_rotate() == 0
    assert DataKey.objects.for_workspace(workspace.id).get().key_id == "2026"
    settings.SECRET_KEY = "another"
    assert secret_open(workspace_id=workspace.id, secret_id=row.id, sealed=bytes(row.sealed)) == KEY


def test_without_any_account_a_call_says_where_to_add_a_key(rich: Workspace) -> None:
    assert platform_credentials("openai") is None
    with pytest.raises(InvalidGeneration) as refused:
        start(rich)
    assert refused.value.fields == [
        {"field": "model", "message": "There is no key for OpenAI. Add one under Settings, Providers."}
    ]


def test_a_call_with_ones_own_key_costs_no_credits(rich: Workspace) -> None:
    key_set(workspace_id=rich.id, provider="openai", key=KEY)
    row = start(rich)
    assert (row.price_low, row.price_high, row.list_price) == (0, 0, 5_000_000)
    assert account_of(row) == Credentials(KEY)


def test_with_the_platforms_account_it_is_paid(rich: Workspace, settings: Any) -> None:
    settings.PROVIDERS = {**settings.PROVIDERS, "openai": {"key": "platform"}}
    row = start(rich)
    assert (row.price_high, row.list_price, row.key_id) == (5_000_000, 0, None)
    assert account_of(row) == Credentials("platform")


def test_a_projects_key_goes_before_the_workspaces(rich: Workspace, alice: User) -> None:
    project = project_create(workspace_id=rich.id, name="One", actor_id=alice.id)
    key_set(workspace_id=rich.id, provider="openai", key=KEY)
    key_set(workspace_id=rich.id, provider="openai", key="sk-of-the-project", project_id=project.id)
    assert account_of(start(rich)).key == KEY
    assert account_of(start(rich, project_id=project.id)).key == "sk-of-the-project"


def test_a_new_key_takes_the_old_ones_place_and_a_removed_one_is_gone(rich: Workspace) -> None:
    key_set(workspace_id=rich.id, provider="openai", key=KEY)
    row = start(rich)
    key_set(workspace_id=rich.id, provider="openai", key="sk-the-next-one")
    assert account_of(row).key == "sk-the-next-one", "the vendor knows the job by its account"
    assert key_revoke(workspace_id=rich.id, provider="openai")
    assert account_of(row) == Credentials()
    assert not key_revoke(workspace_id=rich.id, provider="openai")
    assert not any(
        bytes(sealed) for sealed in ProviderKey.objects.for_workspace(rich.id).values_list("sealed", flat=True)
    )


def test_who_can_change_the_key_that_was_refused_is_told_where() -> None:
    told = {"provider": "OpenAI", "detail": ""}
    assert "Add one that works under Settings, Providers." in sentence("auth", own_key=True, **told)
    assert "ask whoever runs this site" in sentence("auth", own_key=False, **told)


def test_a_call_whose_key_was_removed_says_so(rich: Workspace) -> None:
    key_set(workspace_id=rich.id, provider="openai", key=KEY)
    row = start(rich)
    settle_without_charge(row, GenerationState.FAILED, code="auth", now=timezone.now())
    row.refresh_from_db()
    assert (row.error_code, "your own key" in row.error) == ("auth", True)


@pytest.mark.parametrize(
    ("provider", "key", "base_url"),
    [
        ("openai", "short", ""),
        ("openai", "has a space in it", ""),
        ("openai", "clé-étrangère", ""),
        ("openai", "x" * 501, ""),
        ("openai", KEY, "http://127.0.0.1:1"),
        ("ollama", "", "http://127.0.0.1:11434"),
        ("comfyui", "", ""),
    ],
)
def test_what_is_no_key_is_refused(workspace: Workspace, provider: str, key: str, base_url: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        key_set(workspace_id=workspace.id, provider=provider, key=key, base_url=base_url)
    of_the_address = provider in ("ollama", "comfyui") or base_url
    assert refused.value.field == ("base_url" if of_the_address else "key")
    assert not ProviderKey.objects.for_workspace(workspace.id).exists()


def test_an_address_counts_only_as_long_as_it_is_allowed(rich: Workspace) -> None:
    address = AllowedAddress.objects.create(provider="ollama", base_url="http://127.0.0.1:11434")
    models_replace([{**ENTRY, "id": "ollama/for-a-test"}])
    key_set(workspace_id=rich.id, provider="ollama", key="", base_url="http://127.0.0.1:11434/")
    row = start(rich, model="ollama/for-a-test")
    assert account_of(row) == Credentials("", "http://127.0.0.1:11434")
    address.delete()
    assert account_of(row) == Credentials()


def test_the_api_never_gives_a_key_back(api: Callable[..., Client], alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    put = client.put("/api/v1/providers/openai/key", {"key": KEY}, content_type="application/json")
    assert put.status_code == 204
    answer = client.get("/api/v1/providers")
    assert KEY not in answer.content.decode()
    (openai,) = [one for one in answer.json()["items"] if one["name"] == "openai"]
    assert (openai["usable"], openai["key"]["hint"], openai["health"]["state"]) == (True, "1234", "unknown")
    assert client.delete("/api/v1/providers/openai/key").status_code == 204
    assert client.delete("/api/v1/providers/openai/key").status_code == 404
    assert client.put("/api/v1/providers/openai/key", {"key": "x"}, content_type="application/json").status_code == 422
    assert client.put("/api/v1/providers/nobody/key", {"key": KEY}, content_type="application/json").status_code == 404


def test_the_page_keeps_and_removes_a_key(alice_client: Client, workspace: Workspace) -> None:
    path = f"/w/{workspace.slug}/settings/providers/"
    assert "Needs a key" in alice_client.get(path).content.decode()
    assert alice_client.post(f"{path}openai/key/", {"key": KEY, "project": ""}).status_code == 302
    page = alice_client.get(path).content.decode()
    assert "Your key …1234" in page
    assert KEY not in page
    refused = alice_client.post(f"{path}openai/key/", {"key": "short", "project": ""})
    assert refused.status_code == 422
    assert "A key has 8 to 500 characters." in refused.content.decode()
    assert alice_client.post(f"{path}openai/key/remove/").status_code == 302
    assert "Needs a key" in alice_client.get(path).content.decode()


def test_an_entry_of_the_staff_is_laid_over(rich: Workspace) -> None:
    assert MODELS["openai/for-a-test"].version == 1
    models_replace([{**ENTRY, "version": 2, "retired": True}])
    key_set(workspace_id=rich.id, provider="openai", key=KEY)
    with pytest.raises(InvalidGeneration):
        start(rich)


def test_the_form_says_whose_key_pays(alice_client: Client, workspace: Workspace) -> None:
    page = "/w/mill/tape/new/?model=openai/for-a-test"
    assert "on your own key" not in alice_client.get(page).content.decode()
    key_set(workspace_id=workspace.id, provider="openai", key=KEY)
    assert "on your own key" in alice_client.get(page).content.decode()
