"""The pages of money, of teams and of staff are for everybody: axe finds nothing grave, and nothing is too wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

from apps.accounts.models import User
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.e2e.house import house_fill
from tests.e2e.test_access import Sight
from tests.live_stack import LiveStack

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}


def opened(name: str) -> Callable[[Page], Any]:
    """Press the button that opens a sheet."""
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


Act = Callable[[Page], Any]
WORKSPACE: dict[str, list[tuple[str, str, Act | None]]] = {
    "billing": [
        ("billing/", "main table", None),
        ("billing/?words=nothing-like-it", "main", None),
        ("billing/buy/", "main form", None),
        ("billing/purchases/{paid}/", "#purchase", None),
        ("billing/purchases/{open}/?cancelled=1", "#purchase", None),
        ("billing/plan/", "main", None),
        ("billing/payments/", "main table", None),
        ("billing/budgets/", "main", opened("New budget")),
        ("billing/usage/", "main", None),
    ],
    "teams": [
        ("settings/", "main form", None),
        ("settings/members/", "main .rows", None),
        ("settings/services/", "main .rows", opened("New service account")),
        ("settings/tokens/", "main .rows", opened("New token")),
        ("settings/sign-on/", "main form", None),
        ("settings/limits/", "main", None),
        ("settings/audit/", "main .rows", None),
    ],
}
# Of the person, and of staff; below the site's root.
PERSON = [
    "profile/", "accounts/email/", "accounts/password/change/", "accounts/2fa/", "accounts/2fa/totp/activate/",
    "accounts/2fa/webauthn/", "accounts/sessions/", "accounts/3rdparty/", "account/delete/",
]  # fmt: skip
STAFF = [
    "admin/", "admin/queues/", "admin/providers/", "admin/impersonation/{member}/", "admin/workspaces/workspace/",
    "admin/workspaces/workspace/{workspace}/change/", "admin/billing/purchase/",
    "admin/billing/purchase/{paid}/change/",
]  # fmt: skip


def look(sight: Sight, path: str, ready: str = "main", before: Act | None = None) -> None:
    """With axe on a desk; and on a phone the page may not be wider than the window."""
    sight.page.set_viewport_size(DESK)
    sight.see(path, ready, before)
    sight.page.set_viewport_size(PHONE)
    width = sight.page.evaluate("document.documentElement.scrollWidth")
    if width > PHONE["width"]:
        sight.found.append(f"{path} is {width} px wide on a phone")


@pytest.mark.parametrize("pages", [*WORKSPACE, "person", "staff"])
def test_nothing_grave_on_the_pages_of(
    pages: str, live_stack: LiveStack, open_browser: OpenBrowser, workspace: Workspace, alice: User, bob: User
) -> None:
    names = {**house_fill(workspace, alice), "workspace": workspace.id, "member": bob.id}
    if pages == "staff":
        User.objects.filter(id=alice.id).update(is_staff=True, is_superuser=True)
    sight = Sight(open_browser(alice).new_page(), f"{live_stack.base_url}/")
    for path, ready, before in WORKSPACE.get(pages, []):
        look(sight, f"w/{workspace.slug}/{path}".format(**names), ready, before)
    for path in {"person": PERSON, "staff": STAFF}.get(pages, []):
        look(sight, path.format(**names), "body")
    assert not sight.found, "\n".join(sight.found)
