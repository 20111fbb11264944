"""The fixtures other tests stand on: the running site and the browser."""

from __future__ import annotations

import json
import urllib.request

from playwright.sync_api import Page

from tests.live_stack import LiveStack


def test_site_is_ready(live_stack: LiveStack) -> None:
    with urllib.request.urlopen(f"{live_stack.base_url}/readyz", timeout=10) as response:
        answer = json.load(response)
    assert answer == {"ok": True} | {part: {"ok": True} for part in ("database", "redis", "storage", "workers")}


def test_killed_worker_comes_back(live_stack: LiveStack) -> None:
    before = live_stack.await_part("control")
    live_stack.kill("control")
    assert live_stack.await_part("control", not_pid=before) != before


def test_browser_opens_site(live_stack: LiveStack, page: Page) -> None:
    response = page.goto(f"{live_stack.base_url}/healthz")
    assert response and response.ok
