"""Frozen versions: what is in them, and how withdrawal and deletion reach them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.assets.models import Asset
from apps.assets.services import asset_ref, asset_restore, asset_trash
from apps.common.tenancy import scope
from apps.datasets import services
from apps.datasets.execution.reconciling import rechecks_do
from apps.datasets.models import Consent, Recheck, Row, Version
from apps.datasets.selection import Selection, preview
from apps.generations.models import Generation
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
Made = Callable[..., Generation]
Freeze = Callable[..., Version]


def ids(version: Version, *, why: str = "") -> set[Any]:
    """The generations of a version that may leave (or that may not, by reason)."""
    rows = Row.objects.for_workspace(version.workspace_id).filter(version=version, why=why)
    return set(rows.values_list("generation_id", flat=True))


def log(version: Version) -> list[tuple[str, str, int]]:
    """The changelog, oldest first."""
    rows = version.changes.for_workspace(version.workspace_id).order_by("created_at", "id")
    return [(row.kind, row.why, row.count) for row in rows]


def look(version: Version) -> Version:
    """What the tick does, and the version after it."""
    rechecks_do(timezone.now())
    with scope(version.workspace_id):
        version.refresh_from_db()
    return version


def test_off_by_default_and_yes_one_by_one(workspace: Workspace, made: Made, freeze: Freeze, alice: User) -> None:
    rows = [made() for _ in range(3)]
    with pytest.raises(services.NothingSelected):
        freeze()
    with scope(workspace.id):
        assert not Version.objects.exists(), "refused whole"
    services.generation_consent_set(
        workspace_id=workspace.id, generation_id=rows[1].id, allowed=True, actor_id=alice.id
    )
    assert ids(freeze()) == {rows[1].id}
    found = preview(Selection(), workspace.id)
    assert (found.rows, found.left_out, found.files) == (1, 2, 1)


def test_a_no_of_its_own_stands_against_the_workspace(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    rows = [made(), made(consent=False), made(consent=True)]
    assert ids(freeze()) == {rows[0].id, rows[2].id}
    assert ids(freeze(consent="own")) == {rows[2].id}


def test_the_history_keeps_who_and_when(workspace: Workspace, alice: User, ada: User) -> None:
    for allowed, who in ((True, alice), (True, ada), (False, ada)):
        services.workspace_consent_set(workspace_id=workspace.id, allowed=allowed, actor_id=who.id)
    rows = Consent.objects.for_workspace(workspace.id).order_by("created_at")
    assert list(rows.values_list("allowed", "actor_id")) == [(True, alice.id), (False, ada.id)], (
        "repeating says nothing"
    )


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"models": ("sandbox/video",)}, {1}),
        ({"kinds": ("video",)}, {1}),
        ({"rating": 4}, {2}),
        ({"tags": ("dusk",)}, {2, 3}),
        ({"tags": ("dusk", "sea")}, {3}),
        ({"states": ("failed",)}, {4}),
        ({"states": ("failed", "succeeded")}, {0, 1, 2, 3, 4, 5}),
        ({"licences": ("MIT",)}, {1}),
        ({"licences": ("CC-BY-4.0",)}, {0, 2, 3, 5}),
        ({"until": timezone.now().date() - timedelta(days=30)}, {5}),
        ({"since": timezone.now().date() - timedelta(days=30)}, {0, 1, 2, 3}),
    ],
)
def test_the_filter(chosen: dict[str, Any], wanted: set[int], agreed: Workspace, made: Made, freeze: Freeze) -> None:
    services.licence_set(workspace_id=agreed.id, model="sandbox/video", text="MIT", actor_id=None)
    rows = [
        made(),
        made(model="sandbox/video", kind="video"),
        made(rating=4, tags=["dusk"]),
        made(rating=3, tags=["dusk", "sea"]),
        made(state="failed", assets=[]),
        made(at=timezone.now() - timedelta(days=60)),
        made(state="running", assets=[]),
    ]
    assert ids(freeze(**chosen)) == {rows[place].id for place in wanted}


def test_what_was_said_then_stays(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    row = made(rating=5, tags=["dusk"])
    version = freeze()
    with scope(agreed.id):
        Generation.objects.filter(id=row.id).update(rating=1, tags=[])
        frozen = Row.objects.get(version=version)
    assert (frozen.rating, frozen.tags, frozen.licence, frozen.position) == (5, ["dusk"], "CC-BY-4.0", 1)
    made()
    assert ids(version) == {row.id}, "what is made later is not in it"


def test_versions_are_numbered(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    made()
    first = freeze()
    assert [freeze(first.dataset).number for _ in range(2)] == [2, 3]


def test_another_workspaces_generations_are_never_in_it(
    agreed: Workspace, foreign_workspace: Workspace, made: Made, freeze: Freeze
) -> None:
    services.workspace_consent_set(workspace_id=foreign_workspace.id, allowed=True, actor_id=None)
    theirs, ours = made(where=foreign_workspace), made()
    version = freeze()
    assert ids(version) == {ours.id}
    with pytest.raises(services.GenerationMissing):
        services.generation_consent_set(workspace_id=agreed.id, generation_id=theirs.id, allowed=True, actor_id=None)
    with pytest.raises(services.DatasetNotFound):
        services.version_freeze(workspace_id=foreign_workspace.id, dataset_id=version.dataset_id, selection=Selection())


def test_withdrawing_one_reaches_every_version(agreed: Workspace, made: Made, freeze: Freeze, alice: User) -> None:
    rows = [made() for _ in range(3)]
    versions = [freeze(), freeze()]
    services.generation_consent_set(workspace_id=agreed.id, generation_id=rows[0].id, allowed=False, actor_id=alice.id)
    for version in map(look, versions):
        assert ids(version, why="consent_withdrawn") == {rows[0].id}
        assert (version.rows, version.removed, version.revision) == (3, 1, 1)
        assert log(version) == [("frozen", "", 3), ("removed", "consent_withdrawn", 1)]
    services.generation_consent_set(workspace_id=agreed.id, generation_id=rows[0].id, allowed=None, actor_id=alice.id)
    version = look(versions[0])
    assert log(version)[-1] == ("restored", "consent_withdrawn", 1)
    assert (version.removed, version.kept) == (0, 3)


def test_withdrawing_the_workspaces_leaves_what_was_agreed_to_itself(
    agreed: Workspace, made: Made, freeze: Freeze, alice: User
) -> None:
    own = made(consent=True)
    made(), made()
    version = freeze()
    services.workspace_consent_set(workspace_id=agreed.id, allowed=False, actor_id=alice.id)
    look(version)
    assert ids(version) == {own.id}
    assert log(version)[-1] == ("removed", "consent_withdrawn", 2)
    assert not Recheck.objects.for_workspace(agreed.id).exists()


def test_deleting_a_file_reaches_every_version(
    agreed: Workspace, made: Made, freeze: Freeze, store: Callable[..., Asset]
) -> None:
    used = store(agreed, 900)
    rows = [made(), made(inputs={"image": asset_ref(used)}), made()]
    version = freeze()
    asset_trash(workspace_id=agreed.id, asset_id=rows[0].outputs[0]["$asset"])
    assert log(look(version))[-1] == ("removed", "asset_deleted", 1)
    asset_trash(workspace_id=agreed.id, asset_id=used.id)
    look(version)
    assert ids(version) == {rows[2].id}, "made from it counts as well"
    asset_restore(workspace_id=agreed.id, asset_id=used.id)
    assert log(look(version))[-1] == ("restored", "asset_deleted", 1)
    # Out of the trash for good: the asset's row is gone, and with it that of the output.
    with scope(agreed.id):
        Asset.objects.filter(id=rows[0].outputs[0]["$asset"]).delete()
    look(version)
    assert ids(version, why="asset_deleted") == {rows[0].id}
    assert version.removed == 1


def test_one_picture_made_twice(agreed: Workspace, made: Made, freeze: Freeze, store: Callable[..., Asset]) -> None:
    shared = store(agreed, 901)
    rows = [made(assets=[shared]), made(assets=[shared, store(agreed, 902)])]
    version = freeze()
    assert ids(version) == {row.id for row in rows}
    asset_trash(workspace_id=agreed.id, asset_id=shared.id)
    assert ids(look(version)) == set()


def test_a_generation_that_is_gone(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    row = made()
    version = freeze()
    with scope(agreed.id):
        Generation.objects.filter(id=row.id).delete()
    from apps.datasets.execution.reconciling import recheck_want

    recheck_want(agreed.id)
    assert log(look(version))[-1] == ("removed", "generation_deleted", 1)


def test_what_lost_a_file_before_is_said_at_once(agreed: Workspace, made: Made, freeze: Freeze) -> None:
    rows = [made(), made()]
    asset_trash(workspace_id=agreed.id, asset_id=rows[0].outputs[0]["$asset"])
    assert log(freeze()) == [("frozen", "", 2), ("removed", "asset_deleted", 1)]
