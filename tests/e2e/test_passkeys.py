"""A passkey in a real browser, whose authenticator Chromium plays: added to a profile, then all it takes to sign in."""

from __future__ import annotations

import re

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import User
from apps.workspaces.models import Workspace
from tests.conftest import PASSWORD
from tests.live_stack import LiveStack

PATIENCE_MS = 30_000


def authenticator_plug_in(page: Page) -> None:
    """An authenticator that knows its owner and always agrees (W3C WebAuthn, section 11: WebDriver extension)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_signs_in(chromium: Browser, live_stack: LiveStack, workspace: Workspace, alice: User) -> None:
    # The tests' own hashes are too quick for the running site to know them.
    User.objects.filter(id=alice.id).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000))
    # Passkeys belong to a name; an address of numbers has none.
    base = live_stack.base_url.replace("127.0.0.1", "localhost")
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        _add_and_use(context.new_page(), base, workspace, alice)


def _add_and_use(page: Page, base: str, workspace: Workspace, alice: User) -> None:
    authenticator_plug_in(page)
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("E-mail address").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile(r"/w/"))

    page.goto(f"{base}/accounts/2fa/webauthn/add/")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label("Passwordless").check()
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(re.compile(r"/accounts/2fa/(?!webauthn/add)"))
    assert Authenticator.objects.filter(user=alice, type=Authenticator.Type.WEBAUTHN).count() == 1

    page.context.clear_cookies()
    page.goto(f"{base}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(rf"/w/{workspace.slug}/"))
    page.goto(f"{base}/accounts/2fa/webauthn/")
    expect(page.get_by_text("Laptop")).to_be_visible()
    expect(page.get_by_text("Passkey", exact=True)).to_be_visible()
