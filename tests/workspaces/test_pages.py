"""The workspace's own pages, as each of the cast sees them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.workspaces import inviting, services
from apps.workspaces.invitations import invitation_link
from apps.workspaces.models import ApiToken, Invitation, Membership, Role, Workspace
from tests.conftest import client_of, person_make

pytestmark = pytest.mark.django_db


def test_visitors_read_what_it_is(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "/accounts/signup/" in page.content.decode()


def test_members_return_to_the_workspace_they_were_in_last(
    alice: User, alice_client: Client, workspace: Workspace
) -> None:
    other = services.workspace_create(name="Other", owner_id=alice.id)
    alice_client.get("/w/mill/")
    assert alice_client.get("/").headers["Location"] == "/w/mill/"
    alice_client.get(f"/w/{other.slug}/")
    assert alice_client.get("/").headers["Location"] == f"/w/{other.slug}/"


def test_somebody_without_a_workspace_makes_one() -> None:
    client = client_of(person_make("nora"))
    assert client.get("/").headers["Location"] == "/workspaces/new/"
    made = client.post("/workspaces/new/", {"name": "Nora's"})
    assert client.get(made.headers["Location"]).status_code == 200
    assert client.post("/workspaces/new/", {"name": ""}).status_code == 422


def test_rename(alice_client: Client, victor_client: Client, workspace: Workspace) -> None:
    assert alice_client.post("/w/mill/settings/", {"name": "Mill two"}).status_code == 302
    assert victor_client.post("/w/mill/settings/", {"name": "Mine"}).status_code == 403
    workspace.refresh_from_db()
    assert workspace.name == "Mill two"


def test_invite_and_take_back(alice_client: Client, workspace: Workspace) -> None:
    answer = alice_client.post("/w/mill/settings/members/invite/", {"emails": "grace@example.org", "role": "editor"})
    assert answer.status_code == 302
    assert "grace@example.org" in alice_client.get("/w/mill/settings/members/").content.decode()
    bad = alice_client.post("/w/mill/settings/members/invite/", {"emails": "nonsense", "role": "emperor"})
    assert bad.status_code == 422
    invited = Invitation.objects.for_workspace(workspace.id).get()
    alice_client.post(f"/w/mill/settings/invitations/{invited.id}/revoke/")
    page = Client().get(invitation_link(invited).partition("/invitations/")[2].join(["/invitations/", ""]))
    assert page.status_code == 410
    assert "taken back" in page.content.decode()


def test_accept_an_invitation(alice: User, charlie_client: Client, workspace: Workspace) -> None:
    actor = Membership.objects.get(user=alice)
    invited = inviting.member_invite(actor=actor, email="grace@example.org", role=Role.EDITOR)
    path = "/invitations/" + invitation_link(invited).partition("/invitations/")[2]
    assert "Sign up" in Client().get(path).content.decode()
    stranger = charlie_client.post(path)
    assert stranger.status_code == 422
    assert "grace@example.org" in stranger.content.decode()
    grace = client_of(person_make("grace"))
    assert grace.post(path).headers["Location"] == "/w/mill/"
    assert grace.get("/w/mill/").status_code == 200
    assert "has been used" in grace.get(path).content.decode()


def test_roles_change_and_members_go(alice_client: Client, bob: User, bob_client: Client) -> None:
    alice_client.post(f"/w/mill/settings/members/{bob.id}/role/", {"role": "viewer"})
    assert Membership.objects.get(user=bob).role == Role.VIEWER
    alice_client.post(f"/w/mill/settings/members/{bob.id}/role/", {"role": "emperor"})
    assert Membership.objects.get(user=bob).role == Role.VIEWER
    assert bob_client.post(f"/w/mill/settings/members/{bob.id}/remove/").headers["Location"] == "/"
    assert bob_client.get("/w/mill/").status_code == 404


def test_a_viewer_removes_nobody_else(alice: User, victor_client: Client) -> None:
    assert victor_client.post(f"/w/mill/settings/members/{alice.id}/remove/").status_code == 403


def test_a_token_is_made_shown_once_used_and_revoked(
    alice: User, alice_client: Client, bob_client: Client, workspace: Workspace
) -> None:
    form = {"name": "ci", "scopes": ["read"], "days": "30"}
    page = alice_client.post("/w/mill/settings/tokens/", form)
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert page.headers["Cache-Control"] == "no-store"
    assert secret not in alice_client.get("/w/mill/settings/tokens/").content.decode()
    token = ApiToken.objects.for_workspace(workspace.id).get()
    assert bob_client.post(f"/w/mill/settings/tokens/{token.id}/revoke/").status_code == 403, "not Bob's"
    alice_client.post(f"/w/mill/settings/tokens/{token.id}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at


BAD_TOKEN_FORMS: list[dict[str, Any]] = [
    {"name": "", "scopes": ["read"], "days": "30"},
    {"name": "x", "days": "30"},
    {"name": "x", "scopes": ["all"], "days": "30"},
    {"name": "x", "scopes": ["read"], "days": "9999"},
]


@pytest.mark.parametrize("form", BAD_TOKEN_FORMS)
def test_a_bad_token_form_comes_back(alice_client: Client, form: dict[str, Any]) -> None:
    assert alice_client.post("/w/mill/settings/tokens/", form).status_code == 422


def test_the_palette_finds_pages_and_workspaces(alice: User, alice_client: Client) -> None:
    services.workspace_create(name="Archive", owner_id=alice.id)
    assert "Members" in alice_client.get("/w/mill/palette/", {"q": "memb"}).content.decode()
    found = alice_client.get("/w/mill/palette/", {"q": "arch"}).content.decode()
    assert "Archive" in found
    assert "Members" not in found
    assert "Archive" in alice_client.get("/w/mill/palette/", {"q": "arch\0"}).content.decode()


def test_what_happened_reaches_a_page_that_changes_in_part(alice_client: Client, bob: User) -> None:
    path = f"/w/mill/settings/members/{bob.id}/role/"
    answer = alice_client.post(path, {"role": "viewer"}, headers={"HX-Request": "true"}, follow=True)
    assert "Bob is now viewer." in answer.headers["HX-Trigger"] or "Bob is now viewer." in answer.content.decode()


def test_theme_and_language_come_with_the_page(alice_client: Client) -> None:
    alice_client.cookies["millrace_theme"] = "dark"
    assert 'data-theme="millrace-dark"' in alice_client.get("/w/mill/").content.decode()
    alice_client.cookies["millrace_theme"] = '"><script>'
    assert "<script>" not in alice_client.get("/w/mill/").content.decode().partition("<head>")[0]


def test_a_guest_is_asked_nothing_and_led_nowhere_that_refuses_guests(gwen: User) -> None:
    for place, closed in (("projects", "projects/trash"), ("runs", "runs/reuse"), ("gallery", "trash")):
        page = client_of(gwen).get(f"/w/mill/{place}/").content.decode()
        assert "/w/mill/billing/" not in page, "every page would greet them with a refusal"
        assert f"/w/mill/{closed}/" not in page


def test_what_is_too_large_is_answered_by_a_page_of_ours(alice_client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    refused = alice_client.post("/profile/", {"name": "x" * 100}, content_type="application/x-www-form-urlencoded")
    assert refused.status_code == 400
    assert "Nothing was saved" in refused.content.decode()
