"""Freezing by a worker: what a crash, a cancel and a second worker do, and what people see meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.datasets import services
from apps.datasets.execution import freezing, sweeping
from apps.datasets.execution.freezing import version_fix
from apps.datasets.models import Row, Version, VersionState
from apps.datasets.selection import Selection
from apps.generations.models import Generation
from apps.workspaces.models import Workspace
from tests.datasets.frozen import frozen

pytestmark = pytest.mark.django_db(transaction=True)
Made = Callable[..., Generation]
W = "/w/mill/"


@pytest.fixture(autouse=True)
def small_steps() -> Iterator[None]:
    with patch.object(freezing, "CHUNK", 2):
        yield


@pytest.fixture
def asked(agreed: Workspace, made: Made, alice: User) -> Version:
    """A version of five generations that nobody has frozen yet."""
    for _ in range(5):
        made(assets=[])
    dataset = services.dataset_create(workspace_id=agreed.id, name="Mills", actor_id=alice.id)
    return services.version_freeze(workspace_id=agreed.id, dataset_id=dataset.id, selection=Selection(rating=None))


def seen(version: Version) -> tuple[str, int, int]:
    """State, rows told, rows there."""
    with scope(version.workspace_id):
        version.refresh_from_db()
        return version.state, version.rows, Row.objects.filter(version=version).count()


def fix(version: Version) -> None:
    version_fix(workspace_id=version.workspace_id, version_id=version.id)


def stopping(version: Version, act: Callable[[], object], *, after: int = 1) -> Any:
    """Freezing, with ``act`` done from outside of its transaction once ``after`` chunks are written."""
    check, count = freezing.Progress.check, [0]

    def outside(progress: freezing.Progress) -> None:
        try:
            progress.tell()
            act()
            progress.tell()
        finally:
            connection.close()

    def checked(progress: freezing.Progress) -> None:
        count[0] += 1
        if count[0] == after + 1:  # the first look comes after choosing
            thread = threading.Thread(target=outside, args=(progress,))
            thread.start()
            thread.join()
        check(progress)

    return patch.object(freezing.Progress, "check", checked)


def test_a_worker_that_dies_leaves_nothing_and_the_next_freezes_it(asked: Version, made: Made) -> None:
    write = freezing._write

    def die(version: Version, progress: freezing.Progress) -> None:
        write(version, progress)
        assert seen(version)[2] == 5, "its own transaction sees what it wrote"
        raise OperationalError("killed")

    with patch.object(freezing, "_write", die), pytest.raises(OperationalError):
        fix(asked)
    assert seen(asked)[::2] == ("freezing", 0)
    fix(asked)
    assert seen(asked)[0] == "freezing", "the dead worker's claim still holds"
    later = timezone.now() + timedelta(minutes=1)
    assert (asked.workspace_id, asked.id) in sweeping.versions_left(later)
    with scope(asked.workspace_id):
        Version.objects.filter(id=asked.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    made(assets=[])
    fix(asked)
    assert seen(asked) == ("frozen", 6, 6), "chosen anew as of now, once"
    assert sweeping.versions_left(later) == []


def test_what_is_made_while_it_is_written_is_not_in_it(asked: Version, made: Made) -> None:
    with stopping(asked, lambda: made(assets=[])):
        fix(asked)
    assert seen(asked) == ("frozen", 5, 5)


def test_cancelling_in_the_middle_leaves_nothing(asked: Version, bob_client: Client, bob: User) -> None:
    path = f"{W}datasets/{asked.dataset_id}/1/"
    page = bob_client.get(path).content.decode()
    assert "Choosing" in page
    assert "exports-head" not in page
    with stopping(asked, lambda: bob_client.post(f"{path}cancel/")):
        fix(asked)
    assert seen(asked) == ("cancelled", 0, 0)
    page = bob_client.get(path).content.decode()
    assert "freeze it again" in page
    bob_client.post(f"{path}cancel/")
    assert seen(asked)[0] == "cancelled"
    with scope(asked.workspace_id), pytest.raises(services.VersionNotFrozen):
        services.export_start(workspace_id=asked.workspace_id, version=asked, kind="jsonl")


def test_another_worker_takes_over(asked: Version) -> None:
    """A claimant that was away for too long commits nothing of its own."""

    def overtake() -> None:
        with scope(asked.workspace_id):
            Version.objects.filter(id=asked.id).update(lease_until=None, fence=7)

    with stopping(asked, overtake):
        fix(asked)
    assert seen(asked) == ("freezing", 5, 0)
    fix(asked)
    assert seen(asked) == ("frozen", 5, 5)


def test_progress_is_seen_from_outside(asked: Version, victor_client: Client) -> None:
    path = f"{W}datasets/{asked.dataset_id}/1/progress/"
    shown: list[str] = []
    with stopping(asked, lambda: shown.append(victor_client.get(path).content.decode()), after=2):
        fix(asked)
    assert "of 5 rows" in shown[0]
    assert "every 1s" in shown[0]
    assert "/cancel/" not in shown[0], "viewers only look on"
    answer = victor_client.get(path)
    assert answer.headers["HX-Refresh"] == "true"
    assert "every 1s" not in answer.content.decode()


def test_why_it_failed(asked: Version, alice_client: Client) -> None:
    with patch.object(freezing, "ROWS_MAX", 4):
        fix(asked)
    assert seen(asked) == ("failed", 0, 0)
    page = alice_client.get(f"{W}datasets/{asked.dataset_id}/1/").content.decode()
    assert "Narrow the selection" in page
    assert f"/datasets/new/?dataset={asked.dataset_id}" in page
    again = services.version_freeze(
        workspace_id=asked.workspace_id, dataset_id=asked.dataset_id, selection=Selection(), note="again"
    )
    services.workspace_consent_set(workspace_id=asked.workspace_id, allowed=False, actor_id=None)
    assert (frozen(again).state, again.error, again.number) == (VersionState.FAILED, "nothing", 2)


def test_a_version_that_kills_its_workers_is_given_up(asked: Version) -> None:
    with scope(asked.workspace_id):
        Version.objects.filter(id=asked.id).update(tries=freezing.TRIES)
    fix(asked)
    assert (seen(asked), asked.error) == (("failed", 0, 0), "tries")


def test_over_the_api(api: Callable[..., Client], asked: Version) -> None:
    at = f"/api/v1/datasets/{asked.dataset_id}/versions/1"
    client = api()
    told = client.get(at).json()
    assert (told["state"], told["rows"], told["frozen_at"]) == ("freezing", 0, None)
    refused = client.post(f"{at}/exports", {"format": "jsonl"}, content_type="application/json")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/version-not-frozen")
    assert client.post(f"{at}/cancel").json()["state"] == "cancelled"
    refused = client.post(f"{at}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-freezing")
    assert "freeze it again" in client.get(at).json()["error"]
