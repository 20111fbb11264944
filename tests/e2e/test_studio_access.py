"""The pages of what was made, and of datasets, are for everybody: with content, with a long name, and empty."""

from __future__ import annotations

import time
from typing import Any

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.datasets import services
from apps.datasets.models import Version
from apps.datasets.selection import Selection
from apps.generations.boards import board_add, board_create
from apps.generations.models import Generation
from apps.generations.services import generation_start
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.e2e.test_access import Sight
from tests.live_stack import LiveStack

# Nearly as long as a name may be.
LONG = "A name that is longer than anybody would give to a thing, and that somebody gives it all the same"


def until_over(row: Any, live: tuple[str, ...]) -> None:
    """Wait for a worker of the stack."""
    for _ in range(400):
        row.refresh_from_db()
        if row.state not in live:
            return
        time.sleep(0.25)
    raise AssertionError(f"still {row.state}")


def picture(workspace: Workspace, **more: Any) -> Generation:
    call: dict[str, Any] = {
        "model": "sandbox/image",
        "params": {"prompt": f"{LONG}, at sea", "width": 256, "height": 256, **more},
    }
    return generation_start(workspace_id=workspace.id, project_id=None, **call)


def frozen(workspace: Workspace, name: str, actor_id: Any) -> Version:
    ids: dict[str, Any] = {"workspace_id": workspace.id, "actor_id": actor_id}
    dataset = services.dataset_create(name=name, **ids)
    version = services.version_freeze(dataset_id=dataset.id, selection=Selection(), note=LONG, **ids)
    until_over(version, ("freezing",))
    return version


def test_nothing_grave_on_the_pages_of_the_studio(
    live_stack: LiveStack, open_browser: OpenBrowser, workspace: Workspace, alice: User
) -> None:
    base = f"{live_stack.base_url}/w/{workspace.slug}/"
    sight = Sight(open_browser(alice).new_page(), base)
    for path in ("datasets/", "boards/", "tape/"):
        sight.see(path, "main")
    credits_grant(workspace_id=workspace.id, amount=100_000_000, reason="test", source="test", source_id="studio")
    with scope(workspace.id):
        made, failed = picture(workspace), picture(workspace, fail="refuse")
        for row in (made, failed):
            until_over(row, ("prepared", "submitting", "submitted", "running"))
        ids: dict[str, Any] = {"workspace_id": workspace.id, "actor_id": alice.id}
        services.workspace_consent_set(allowed=True, **ids)
        services.licence_set(model="", text="CC-BY-4.0", **ids)
        version = frozen(workspace, LONG, alice.id)
        services.export_start(version=version, kind="jsonl", **ids)
        empty = services.dataset_create(name="Empty", **ids)
        board = board_create(name=LONG, **ids)
        board_add(board=board, generations=[made.id])
    asset = made.outputs[0]["$asset"]
    pages = {
        "settings/providers/": "main form, main button",
        "settings/consent/": "main form",
        "boards/": "main img",
        f"boards/{board.id}/": "main img",
        "tape/": "main img",
        "tape/new/": "#generation-price",
        f"tape/{made.id}/": ".tape-panel select",
        f"tape/{failed.id}/": ".tape-panel .note",
        f"gallery/{asset}/": "main img",
        "datasets/": ".dataset-row",
        f"datasets/{empty.id}/": "main",
        f"datasets/{version.dataset_id}/": ".dataset-row",
        f"datasets/{version.dataset_id}/{version.number}/": ".export-row",
        "datasets/new/": ".builder-count",
    }
    for path, ready in pages.items():
        sight.see(path, ready)
    sight.page.set_viewport_size({"width": 390, "height": 844})
    for path in ("datasets/new/", f"datasets/{version.dataset_id}/{version.number}/", f"boards/{board.id}/"):
        sight.see(path, pages.get(path, "main"))
        assert sight.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
    assert not sight.found, "\n".join(sight.found)
