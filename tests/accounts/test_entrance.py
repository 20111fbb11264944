"""Signing up, confirming, signing in and out, a forgotten password: as a person does it, with mail from the folder."""

from __future__ import annotations

import re
from email import message_from_string, policy
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from apps.accounts.models import User
from apps.workspaces.models import Membership, Role
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mail goes to files, as in the embedded stack; counters of rate limits start at nothing."""
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_FILE_PATH", str(tmp_path))
    cache.clear()
    return tmp_path


def newest_link(folder: Path) -> str:
    """The path of the link in the newest mail."""
    text = max(folder.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name)).read_text()
    mails = [part for part in text.split("-" * 79 + "\n") if part.strip()]
    body = message_from_string(mails[-1], policy=policy.default).get_content()
    found = re.search(r"https?://[^/\s]+(/\S+)", body)
    assert found, body
    return found.group(1)


def sign_up(client: Client, email: str = "grace@example.org") -> None:
    answer = client.post("/accounts/signup/", {"name": "Grace Weir", "email": email, "password1": PASSWORD})
    assert answer.status_code == 302, answer.context["form"].errors


def test_sign_up_confirm_and_arrive_in_an_own_workspace(client: Client, mail: Path) -> None:
    sign_up(client)
    assert str(mail) in client.get("/accounts/confirm-email/").content.decode(), "the page says where the mail lies"

    link = newest_link(mail)
    assert client.get(link).status_code == 200
    client.post(link)
    user = User.objects.get(email="grace@example.org")
    membership = Membership.objects.select_related("workspace").get(user=user)
    assert (user.name, membership.role) == ("Grace Weir", Role.OWNER)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert client.get("/").headers["Location"] == f"/w/{membership.workspace.slug}/"
    assert client.get(f"/w/{membership.workspace.slug}/").status_code == 200


def test_nobody_signs_in_before_the_address_is_confirmed(client: Client, mail: Path) -> None:
    sign_up(client)
    fresh = Client()
    answer = fresh.post("/accounts/login/", {"login": "grace@example.org", "password": PASSWORD})
    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert "_auth_user_id" not in fresh.session


def test_a_taken_address_is_not_told_apart(client: Client, alice: User, mail: Path) -> None:
    answer = client.post("/accounts/signup/", {"name": "Mallory", "email": "ALICE@example.org", "password1": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert User.objects.filter(email__iexact="alice@example.org").count() == 1


@pytest.mark.parametrize("password", ["short", "12345678901", "password123"])
def test_a_weak_password_is_refused_with_the_reason(client: Client, mail: Path, password: str) -> None:
    answer = client.post("/accounts/signup/", {"name": "G", "email": "grace@example.org", "password1": password})
    assert answer.context["form"].errors["password1"]
    assert not User.objects.exists()


def test_a_forgotten_password_is_changed_through_the_mail(client: Client, alice: User, mail: Path) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    assert str(mail) in client.get("/accounts/password/reset/done/").content.decode()
    page = client.get(newest_link(mail), follow=True)
    client.post(page.redirect_chain[-1][0], {"password1": "another fine horse", "password2": "another fine horse"})
    alice.refresh_from_db()
    assert alice.check_password("another fine horse")
    assert "expired" in client.get(newest_link(mail), follow=True).content.decode(), "the link works once"


def test_sign_out(alice_client: Client) -> None:
    alice_client.post("/accounts/logout/")
    assert alice_client.get("/w/mill/").headers["Location"].startswith("/accounts/login/")


def test_guessing_passwords_is_limited(client: Client, alice: User) -> None:
    for _attempt in range(5):
        client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    answer = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert answer.status_code in {200, 429}


def test_the_name_is_changed_and_never_empty(alice_client: Client, alice: User) -> None:
    assert alice_client.post("/profile/", {"name": "Alice Stone"}).status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice Stone"
    assert alice_client.post("/profile/", {"name": "   "}).status_code == 422


@pytest.mark.parametrize("page", ["login", "signup", "password/reset", "password/change", "email", "logout"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_the_entrance_renders(alice_client: Client, page: str, language: str) -> None:
    alice_client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    client = Client() if page in {"login", "signup"} else alice_client
    answer = client.get(f"/accounts/{page}/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.content.decode()
