"""A key of a workspace's own that is removed: what was priced with it, what waits for it, what was sent with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.generations.accounts import account_of
from apps.generations.execution.fallback import fallback_take
from apps.generations.execution.sweeping import sweep
from apps.generations.keys import key_revoke, key_set
from apps.generations.models import Generation, GenerationState, ProviderKey
from apps.generations.services import InvalidGeneration
from apps.providers.base import Credentials, ProviderError
from apps.providers.catalogue import models_replace
from apps.workspaces.models import Workspace
from tests.generations.conftest import look, money, send
from tests.generations.test_keys import ENTRY
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]
STATE = GenerationState
KEY = "a-key-of-their-own-1234"
OTHER = "openai/for-a-test"


@pytest.fixture(autouse=True)
def catalogue(settings: Any) -> Iterator[None]:
    """A second vendor that the platform has an account with."""
    settings.PROVIDERS = {**settings.PROVIDERS, "openai": {"key": "platform"}}
    models_replace([ENTRY])
    yield
    models_replace([])


def kept(workspace: Workspace) -> list[bool]:
    """Of each key that there ever was, whether its secret is still kept."""
    rows = ProviderKey.objects.for_workspace(workspace.id).order_by("id")
    return [bool(bytes(sealed)) for sealed in rows.values_list("sealed", flat=True)]


def own_key(workspace: Workspace, provider: str = "sandbox") -> None:
    key_set(workspace_id=workspace.id, provider=provider, key=KEY)


def test_what_was_priced_with_an_own_key_is_never_paid_with_credits(start: Start, rich: Workspace) -> None:
    assert start().key_id is None, "the platform's account is there to take its place"
    with pytest.raises(InvalidGeneration, match=r"Your key for Sandbox was removed after this was priced with it\."):
        start(promised=["sandbox"])
    assert money(rich)[1] == 4_000_000, "only the first holds anything"
    own_key(rich)
    assert start(promised=["sandbox"]).price_high == 0


def test_a_fallback_priced_with_an_own_key_is_left_out_without_it(start: Start, rich: Workspace) -> None:
    row = start(fallbacks=[OTHER], promised=["openai"])
    assert (row.fallbacks, row.price_high) == ([], 4_000_000)


def test_a_fallback_whose_key_went_after_the_hold_is_not_asked(start: Start, vendor: Vendor, rich: Workspace) -> None:
    own_key(rich, "openai")
    row = start(fallbacks=[OTHER])
    assert (row.fallbacks, row.own_providers, row.price_high) == ([OTHER], ["openai"], 4_000_000)
    key_revoke(workspace_id=rich.id, provider="openai")
    row.state = STATE.SUBMITTING
    row.save(update_fields=["state"])
    assert not fallback_take(row, ProviderError("unavailable", "ill"), timezone.now())
    own_key(rich, "openai")
    assert fallback_take(row, ProviderError("unavailable", "ill"), timezone.now())
    assert (row.model, row.price_high, row.key_id is not None) == (OTHER, 0, True)


def test_what_waits_for_a_removed_key_fails_and_costs_nothing(start: Start, vendor: Vendor, rich: Workspace) -> None:
    own_key(rich)
    row = start()
    key_revoke(workspace_id=rich.id, provider="sandbox")
    send(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "auth", (0, 0))
    assert "was removed" in row.error_detail
    assert vendor.submissions == []
    assert kept(rich) == [False], "nothing needs it"


def test_what_was_sent_with_a_removed_key_ends_and_then_it_is_erased(
    start: Start, vendor: Vendor, rich: Workspace, alice_client: Client, api: Callable[..., Client], alice: User
) -> None:
    own_key(rich)
    sent, waits = send(start()), start()
    key_revoke(workspace_id=rich.id, provider="sandbox")
    sweep()
    assert (account_of(sent), kept(rich)) == (Credentials(KEY), [True])
    assert send(waits).state == STATE.FAILED, "nothing more is sent with it"
    page = alice_client.get(f"/w/{rich.slug}/settings/providers/").content.decode()
    assert "1 call is still under way with a key that was removed. The key is erased once it has ended." in page
    assert "Your key …" not in page
    told = {one["name"]: one for one in api(alice, rich).get("/api/v1/providers").json()["items"]}["sandbox"]
    assert (told["key"], told["removed_key_calls"]) == (None, 1)
    vendor.finish()
    assert (look(sent).state, sent.cost) == (STATE.SUCCEEDED, 0)
    sweep()
    assert kept(rich) == [False]
    assert "still under way" not in alice_client.get(f"/w/{rich.slug}/settings/providers/").content.decode()


def test_a_key_in_the_place_of_a_removed_one_takes_over_what_was_sent(
    start: Start, vendor: Vendor, rich: Workspace
) -> None:
    own_key(rich)
    row = send(start())
    key_revoke(workspace_id=rich.id, provider="sandbox")
    key_set(workspace_id=rich.id, provider="sandbox", key="another-key-of-theirs")
    assert (account_of(row).key, kept(rich)) == ("another-key-of-theirs", [False, True])
    key_revoke(workspace_id=rich.id, provider="sandbox")
    assert (account_of(row).key, kept(rich)) == ("another-key-of-theirs", [False, True])
    vendor.finish()
    look(row)
    sweep()
    assert kept(rich) == [False, False]
