"""An upload through the running site: a browser, the file store, and the workers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.workspaces.models import Workspace
from tests.assets import files
from tests.live_stack import LiveStack


@pytest.fixture
def site(live_stack: LiveStack, token_for: Any, alice: User, workspace: Workspace) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token_for(alice, workspace)}"}
    return httpx.Client(base_url=f"{live_stack.base_url}/api/v1", headers=headers, timeout=20)


def _until(site: httpx.Client, asset: str, key: str, value: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = site.get(f"/assets/{asset}").json()
        if found[key] == value:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_large_upload_is_verified_and_previewed_by_workers(site: httpx.Client) -> None:
    data = files.picture(2400, 1800)
    assert len(data) > 8 * 1024 * 1024
    form = site.post("/assets/uploads", json={"filename": "a.png", "size": len(data), "content_type": ""}).json()
    assert httpx.post(form["url"], data=form["fields"], files={"file": ("a", data)}).status_code == 204
    assert site.post(f"/assets/{form['asset']}/complete").status_code == 202
    _until(site, form["asset"], "state", "ready")
    found = _until(site, form["asset"], "preview_state", "ready")
    assert httpx.get(found["thumbnail"]).status_code == 200


def test_a_person_uploads_looks_trashes_and_undoes(
    live_stack: LiveStack, page: Page, alice_client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    session = alice_client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_stack.base_url}])
    clip, lie = files.video(tmp_path / "clip.mp4"), tmp_path / "lie.png"
    lie.write_bytes(files.picture(kind="JPEG"))
    page.goto(f"{live_stack.base_url}/w/{workspace.slug}/gallery/")
    page.set_input_files("upload-drop input", [clip, lie])
    cell = page.locator(".cell.video")
    expect(cell).to_have_count(1, timeout=15_000)
    expect(page.locator(".upload.failed")).to_contain_text("not PNG but JPEG")
    expect(cell.locator("img")).to_be_visible(timeout=15_000)
    cell.locator("a").click()
    expect(page.locator("#asset-view video")).to_be_visible()
    page.keyboard.press("Escape")
    cell.hover()
    cell.locator("button").click()
    expect(cell).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(cell).to_have_count(1)
