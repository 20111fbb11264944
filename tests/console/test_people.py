"""People: what staff see and may do, and looking at the site as one of them."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.workspaces.models import Workspace
from tests.conftest import client_of

pytestmark = pytest.mark.django_db
END = "console:impersonation_end"


def begin(client: Client, person: User, reason: str = "Ticket 12") -> Any:
    return client.post(reverse("console:impersonation_begin", args=[person.id]), {"reason": reason})


def test_a_persons_page_tells_where_they_are(root_client: Client, alice: User, alice_client: Client) -> None:
    alice_client.get(reverse("accounts:profile"))
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": "sealed-thing"})
    page = root_client.get(reverse("admin:accounts_user_change", args=[alice.id])).content.decode()
    assert "Mill" in page
    assert "127.0.0.1" in page
    assert "sealed-thing" not in page


def test_every_list_of_the_console_can_be_searched(root_client: Client) -> None:
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert root_client.get(url, {"q": "it's"}).status_code == 200, url


def test_second_steps_are_reset_with_a_reason(
    root_client: Client, alice: User, alice_client: Client, acts: Any, audited: Any
) -> None:
    alice_client.get(reverse("accounts:profile"))
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={})
    url = reverse("admin:accounts_user_steps_reset", args=[alice.id])
    assert root_client.get(url).status_code == 200
    assert root_client.post(url, {"reason": ""}).status_code == 422
    assert Authenticator.objects.exists()
    assert root_client.post(url, {"reason": "Lost phone, called back"}).status_code == 302
    assert not Authenticator.objects.exists()
    assert not UserSession.objects.filter(user=alice).exists()
    assert alice_client.get(reverse("accounts:profile")).status_code == 302
    assert acts() == ["Second steps reset: Lost phone, called back"]
    assert ("second_steps_reset", "root@example.org", "Lost phone, called back") in audited()


def test_staff_look_as_somebody_and_are_themselves_again(
    root: User, root_client: Client, alice: User, workspace: Workspace, acts: Any, audited: Any
) -> None:
    assert begin(root_client, alice, " ").status_code == 422
    assert begin(root_client, alice).status_code == 302
    home = root_client.get(reverse("workspaces:home", args=["mill"])).content.decode()
    assert "You look at the site as alice@example.org" in home
    assert root_client.session.get_expiry_age() <= 3600
    assert not UserSession.objects.filter(user=alice).exists(), "it is not her browser"
    assert root_client.post(reverse(END)).status_code == 302
    assert root_client.get(reverse("console:queues")).status_code == 200
    assert "You look at" not in root_client.get(reverse("accounts:profile")).content.decode()
    assert [text.partition(":")[0] for text in acts()] == [
        "Looks at the site as this person",
        "No longer looks at the site as this person",
    ]
    assert audited() == [
        ("impersonation_begin", "root@example.org", "Ticket 12"),
        ("impersonation_end", "root@example.org", "Ticket 12"),
    ]
    alice.refresh_from_db()
    assert alice.last_login is None


def test_what_is_done_meanwhile_is_told_of_staff(
    root_client: Client, alice: User, workspace: Workspace, audited: Any
) -> None:
    begin(root_client, alice)
    root_client.post(reverse("projects:project_create", args=["mill"]), {"name": "Looked at"})
    assert ("project_create", "root@example.org", "") in audited()


def test_whoever_is_no_staff_any_more_looks_no_longer(root: User, root_client: Client, alice: User) -> None:
    begin(root_client, alice)
    root.is_superuser = False
    root.save()
    assert root_client.get(reverse("accounts:profile")).status_code == 302


@pytest.mark.parametrize(
    ("method", "page"),
    [
        ("get", "account_change_password"),
        ("get", "account_email"),
        ("get", "mfa_index"),
        ("get", "usersessions_list"),
        ("get", "socialaccount_connections"),
        ("post", "accounts:profile"),
        ("get", "workspaces:tokens"),
        ("post", "workspaces:tokens"),
        ("post", "workspaces:member_invite"),
        ("post", "workspaces:settings"),
        ("get", "generations:providers"),
    ],
)
def test_money_and_security_stay_closed(
    root_client: Client, alice: User, workspace: Workspace, method: str, page: str
) -> None:
    begin(root_client, alice)
    where = [workspace.slug] if page.partition(":")[0] in {"workspaces", "generations"} else []
    answer = getattr(root_client, method)(reverse(page, args=where))
    assert answer.status_code == 403
    assert "belong to alice@example.org alone" in answer.content.decode()


def test_over_the_api_no_keys(root_client: Client, alice: User, workspace: Workspace) -> None:
    begin(root_client, alice)
    headers = {"Millrace-Workspace": workspace.slug}
    assert root_client.get("/api/v1/me", headers=headers).status_code == 200
    assert "keys:write" not in root_client.get("/api/v1/me", headers=headers).json()["scopes"]


def test_nobody_looks_as_staff(root_client: Client, acts: Any) -> None:
    for person in (
        User.objects.create_superuser("other@example.org"),
        User.objects.create_user("helper@example.org", is_staff=True),
        User.objects.create_user("gone@example.org", is_active=False),
    ):
        assert begin(root_client, person).status_code == 403
    assert acts() == []


def test_only_superusers_look(helper_client: Client, alice: User, bob: User, bob_client: Client) -> None:
    assert begin(helper_client, alice).status_code == 403
    assert begin(bob_client, alice).status_code == 302  # to the console's sign-in
    assert bob_client.get(reverse("accounts:profile")).context["user"] == bob
    assert bob_client.post(reverse(END)).status_code == 403
    assert Client().post(reverse(END)).status_code in {302, 403}


def test_the_session_of_before_does_not_open_the_persons_again(root_client: Client, alice: User) -> None:
    before = root_client.cookies["sessionid"].value if "sessionid" in root_client.cookies else ""
    begin(root_client, alice)
    assert root_client.session.session_key != before
    assert client_of(alice).get(reverse("accounts:profile")).status_code == 200
