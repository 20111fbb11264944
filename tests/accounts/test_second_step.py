"""Codes of an app, recovery codes, sessions: as a person meets them; and what a copy of the database would tell."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from apps.accounts.models import User
from apps.accounts.second_step import second_steps_rotate
from tests.conftest import PASSWORD, client_of

pytestmark = pytest.mark.django_db
OLD = "old:" + "QUFB" * 10 + "QUE="
NEW = "new:" + "QkJC" * 10 + "QkI="


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    cache.clear()


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def turned_on(client: Client) -> str:
    """Codes set up through the pages; the app's secret."""
    confirmed = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert confirmed.status_code == 302
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'id="totp-secret"[^>]*>(\w+)<', page)
    assert found
    secret = found.group(1)
    assert client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).context["form"].errors["code"]
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    return secret


def sign_in(email: str) -> tuple[Client, Any]:
    client = Client()
    return client, client.post("/accounts/login/", {"login": email, "password": PASSWORD})


def test_a_code_is_asked_for_after_the_password(alice: User) -> None:
    secret = turned_on(client_of(alice))
    cache.clear()  # a code counts once, and this one was just used
    client, answer = sign_in(alice.email)
    assert answer.headers["Location"] == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "123456"})
    assert wrong.context["form"].errors["code"]
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert client.session["_auth_user_id"] == str(alice.id)


def test_a_recovery_code_counts_once(alice: User) -> None:
    browser = client_of(alice)
    turned_on(browser)
    row = Authenticator.objects.get(user=alice, type=Authenticator.Type.RECOVERY_CODES)
    code = RecoveryCodes(row).get_unused_codes()[0]
    assert code in browser.get("/accounts/2fa/recovery-codes/").content.decode()
    client, _answer = sign_in(alice.email)
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert "_auth_user_id" in client.session
    again, _answer = sign_in(alice.email)
    again.post("/accounts/2fa/authenticate/", {"code": code})
    assert "_auth_user_id" not in again.session


def test_a_copy_of_the_database_makes_no_codes_and_keys_rotate(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRETS_KEYS", OLD)
    secret = turned_on(client_of(alice))
    kept = {row.type: row.data for row in Authenticator.objects.filter(user=alice)}
    assert secret not in str(kept)
    assert kept["totp"]["secret"].startswith("old:")
    monkeypatch.setattr(settings, "SECRETS_KEYS", f"{NEW},{OLD}")
    assert second_steps_rotate() == 2
    assert second_steps_rotate() == 0
    monkeypatch.setattr(settings, "SECRETS_KEYS", NEW)
    row = Authenticator.objects.get(user=alice, type=Authenticator.Type.TOTP)
    cache.clear()
    assert TOTP(row).validate_code(code_of(secret))


def test_turning_it_off_needs_the_password_again(alice: User) -> None:
    browser = client_of(alice)
    turned_on(browser)
    fresh = client_of(alice)
    assert fresh.post("/accounts/2fa/totp/deactivate/").headers["Location"].startswith("/accounts/reauthenticate/")
    browser.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=alice).exists()


def test_sessions_are_listed_and_the_others_end(alice: User) -> None:
    here, _answer = sign_in(alice.email)
    there, _answer = sign_in(alice.email)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    third = client_of(alice)
    third.get("/profile/", headers={"User-Agent": agent})
    page = here.get("/accounts/sessions/").content.decode()
    assert "Firefox on Linux" in page
    assert UserSession.objects.filter(user=alice).count() == 3
    here.post("/accounts/sessions/")
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert third.get("/profile/").status_code == 302


def test_reading_pages_writes_a_session_at_most_every_few_minutes(alice: User) -> None:
    browser = client_of(alice)
    browser.get("/profile/")
    seen = UserSession.objects.get(user=alice).last_seen_at
    browser.get("/profile/")
    assert UserSession.objects.get(user=alice).last_seen_at == seen
