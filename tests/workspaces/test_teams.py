"""Who comes, who goes, and what happens to what they leave: invitations, service accounts, owners, deletion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db.models import ProtectedError, Q
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope, unscoped
from apps.projects.models import Project, ProjectMember
from apps.projects.services import project_create
from apps.projects.sight import project_role
from apps.workspaces import departures, erasure, forgetting, inviting, ownership, service_accounts, services
from apps.workspaces.auth import WORKSPACE_HEADER
from apps.workspaces.models import ApiToken, AuditEntry, Invitation, Membership, Role, Workspace
from tests.conftest import client_of, member_make, person_make
from tests.mails import mails_post

pytestmark = pytest.mark.django_db


def membership(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.select_related("workspace", "user").get(user=user, workspace=workspace)


@pytest.fixture
def owner(alice: User, workspace: Workspace) -> Membership:
    return membership(alice, workspace)


@pytest.fixture
def project(alice: User, workspace: Workspace) -> Project:
    return project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)


# --- Invitations ---------------------------------------------------------------------------------------------------


def test_a_guest_is_invited_to_a_project_and_sees_only_that(
    owner: Membership, workspace: Workspace, project: Project
) -> None:
    project_create(workspace_id=workspace.id, name="Other", actor_id=owner.user_id)
    with scope(workspace.id):
        invited = inviting.member_invite(actor=owner, email="grace@example.org", role=Role.GUEST, project_id=project.id)
    mails_post()
    assert "as guest" in mail.outbox[0].body
    grace = person_make("grace")
    member = inviting.invitation_accept(invitation_id=invited.id, user=grace)
    assert member.role == Role.GUEST
    page = client_of(grace).get(f"/w/{workspace.slug}/projects/").content.decode()
    assert "Films" in page
    assert "Other" not in page
    assert client_of(grace).get(f"/w/{workspace.slug}/billing/").status_code == 403


def test_an_editor_invited_to_a_project_is_a_viewer_elsewhere(
    owner: Membership, workspace: Workspace, project: Project
) -> None:
    with scope(workspace.id):
        invited = inviting.member_invite(actor=owner, email="g@example.org", role=Role.EDITOR, project_id=project.id)
    member = inviting.invitation_accept(invitation_id=invited.id, user=person_make("g"))
    assert member.role == Role.VIEWER
    with scope(workspace.id):
        assert project_role(membership(member.user, workspace), project) is Role.EDITOR


def lost_right(owner: Membership, ada: Membership) -> None:
    services.member_change_role(actor=owner, user_id=ada.user_id, role=Role.EDITOR)


def left(owner: Membership, ada: Membership) -> None:
    services.member_remove(actor=owner, user_id=ada.user_id)


@pytest.mark.parametrize("happened", [lost_right, left])
def test_an_invitation_ends_with_the_right_of_who_invited(
    owner: Membership, ada: User, workspace: Workspace, happened: Callable[[Membership, Membership], None]
) -> None:
    of_ada = membership(ada, workspace)
    invited = inviting.member_invite(actor=of_ada, email="grace@example.org", role=Role.EDITOR)
    happened(owner, of_ada)
    with pytest.raises(inviting.InvitationError, match="Ask one of its admins"):
        inviting.invitation_accept(invitation_id=invited.id, user=person_make("grace"))


def test_an_invitation_raises_nobody_who_is_a_member_already(
    owner: Membership, workspace: Workspace, project: Project
) -> None:
    invited = inviting.member_invite(actor=owner, email="victor@example.org", role=Role.ADMIN)
    victor = member_make("victor", workspace, Role.VIEWER)
    assert inviting.invitation_accept(invitation_id=invited.id, user=victor).role == Role.VIEWER


def test_many_addresses_are_answered_line_by_line(alice_client: Client, workspace: Workspace, bob: User) -> None:
    text = "one@example.org, Two <two@example.org>\nnot an address\nbob@example.org\nONE@example.org"
    path = f"/w/{workspace.slug}/settings/members/invite/"
    answer = alice_client.post(path, {"emails": text, "role": "editor"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "“not an address” is not an e-mail address." in page
    assert "bob@example.org is already a member." in page
    with unscoped("a test"):
        assert sorted(Invitation.objects.values_list("email", flat=True)) == ["one@example.org", "two@example.org"]


def test_an_invitation_is_sent_again_by_whoever_may(owner: Membership, ada: User, workspace: Workspace) -> None:
    of_ada = membership(ada, workspace)
    invited = inviting.member_invite(actor=of_ada, email="grace@example.org", role=Role.EDITOR)
    Invitation.objects.for_workspace(workspace.id).update(expires_at=timezone.now() - timedelta(days=1))
    left(owner, of_ada)
    inviting.invitation_resend(actor=owner, invitation=invited)
    assert inviting.invitation_accept(invitation_id=invited.id, user=person_make("grace")).role == Role.EDITOR
    with pytest.raises(services.WorkspaceError, match="This invitation is over"):
        inviting.invitation_resend(actor=owner, invitation=invited)


# --- Service accounts ----------------------------------------------------------------------------------------------


def test_a_service_account_outlives_who_made_it(
    owner: Membership, ada: User, workspace: Workspace, token_for: Callable[..., str]
) -> None:
    of_ada = membership(ada, workspace)
    account = service_accounts.service_account_create(actor=of_ada, name="Nightly", role=Role.EDITOR)
    _token, secret = service_accounts.service_token_issue(
        account=account, issued_by_id=ada.id, name="cron", scopes=["read", "keys:write"], days=7
    )
    hers = token_for(ada, workspace, scopes=["read"])
    services.member_remove(actor=owner, user_id=ada.id)

    def ask(token: str, path: str = "projects") -> int:
        return Client(headers={"Authorization": f"Bearer {token}"}).get(f"/api/v1/{path}").status_code

    assert ask(secret) == 200
    assert ask(hers) == 401
    # Its role limits its scopes, and nobody signs in as it.
    assert (
        Client(headers={"Authorization": f"Bearer {secret}"}).delete("/api/v1/providers/openai/key").status_code == 403
    )
    assert not Client().login(username=account.user.email, password="")
    service_accounts.service_account_delete(account=account)
    assert ask(secret) == 401


# --- Owners --------------------------------------------------------------------------------------------------------


def test_ownership_is_offered_and_accepted(owner: Membership, ada: User, bob: User, workspace: Workspace) -> None:
    of_ada, of_bob = membership(ada, workspace), membership(bob, workspace)
    with pytest.raises(services.WorkspaceError, match="Only an owner"):
        ownership.ownership_offer(actor=of_ada, user_id=bob.id)
    ownership.ownership_offer(actor=owner, user_id=ada.id)
    with pytest.raises(services.WorkspaceError, match="no longer holds"):
        ownership.ownership_accept(actor=of_bob)
    ownership.ownership_accept(actor=of_ada)
    roles = dict(Membership.objects.filter(workspace=workspace).values_list("user__name", "role"))
    assert roles == {"Alice": "admin", "Ada": "owner", "Bob": "editor"}
    with pytest.raises(services.WorkspaceError, match="no longer holds"):
        ownership.ownership_accept(actor=of_ada)


def test_an_offer_to_nobody_is_told_at_the_field(alice_client: Client, ada: User, workspace: Workspace) -> None:
    path = f"/w/{workspace.slug}/settings/ownership/offer/"
    refused = alice_client.post(path, {"email": "nobody@example.org"})
    assert refused.status_code == 422
    page = refused.content.decode()
    assert 'id="offer-problem">Choose a person' in page
    assert 'value="nobody@example.org"' in page
    assert alice_client.post(path, {"email": "Ada@example.org"}).status_code == 302


def test_the_last_owner_cannot_leave(owner: Membership, alice_client: Client, workspace: Workspace) -> None:
    path = f"/w/{workspace.slug}/settings/members/{owner.user_id}/remove/"
    assert "A workspace needs an owner" in alice_client.post(path, follow=True).content.decode()
    assert Membership.objects.filter(id=owner.id).exists()


# --- The end -------------------------------------------------------------------------------------------------------


def test_a_workspace_that_is_being_deleted_can_only_be_looked_at_and_restored(
    owner: Membership, alice_client: Client, bob_client: Client, workspace: Workspace, token_for: Callable[..., str]
) -> None:
    token = Client(headers={"Authorization": f"Bearer {token_for(owner.user, workspace)}"})
    place = f"/w/{workspace.slug}"
    mistyped = alice_client.post(f"{place}/settings/delete/", {"typed": "mil<"})
    assert mistyped.status_code == 422
    page = mistyped.content.decode()
    assert '<p class="problem" id="close-problem">Type the name' in page
    assert 'value="mil&lt;"' in page  # what was typed is kept
    assert token.get("/api/v1/me").status_code == 200
    alice_client.post(f"{place}/settings/delete/", {"typed": "Mill"})
    page = bob_client.get(f"{place}/projects/").content.decode()
    assert "This workspace is deleted on" in page
    assert "Restore" not in page
    assert token.get("/api/v1/me").status_code == 401
    assert bob_client.post(f"{place}/projects/new/", {"name": "x"}).status_code == 403
    refused = alice_client.post(f"{place}/projects/new/", {"name": "x"})
    sentence = "This workspace is being deleted, so nothing in it can be changed. An owner can restore it on any of"
    assert (refused.status_code, sentence in refused.content.decode()) == (403, True)
    alice_client.cookies[settings.CSRF_COOKIE_NAME] = "c" * 32
    headers = {WORKSPACE_HEADER: workspace.slug, "X-CSRFToken": "c" * 32}
    answer = alice_client.post("/api/v1/projects", {"name": "x"}, headers=headers, content_type="application/json")
    problem = answer.json()
    assert (problem["type"].rpartition("/")[2], problem["detail"].startswith(sentence)) == ("closing", True)
    refused = bob_client.post(f"{place}/settings/restore/")
    assert (refused.status_code, "Ask an owner or admin" in refused.content.decode()) == (403, True)
    alice_client.post(f"{place}/settings/restore/")
    assert token.get("/api/v1/me").status_code == 200
    assert bob_client.post(f"{place}/projects/new/", {"name": "x"}).status_code == 302


def over(workspace: Workspace) -> None:
    Workspace.objects.filter(id=workspace.id).update(erase_at=timezone.now() - timedelta(seconds=1))


def test_after_its_days_a_workspace_is_erased_and_its_ledger_stays(
    owner: Membership, alice_client: Client, workspace: Workspace, foreign_workspace: Workspace, charlie: User
) -> None:
    """Every table that has rows of it is empty then, whatever tables there are; others' rows are untouched."""
    from django.apps import apps

    from apps.billing.models import Entry
    from apps.billing.services import credits_grant
    from tests.tenancy.samples import SAMPLES, Place

    for place in (Place(workspace, owner.user), Place(foreign_workspace, charlie)):
        for name in ("run_id", "asset_id", "item_id", "number", "comment", "token", "account", "export_id"):
            if name == "item_id":
                SAMPLES["board_id"](place)
            SAMPLES[name](place)
    credits_grant(workspace_id=workspace.id, amount=5, reason="x", source="t", source_id="1")

    def left(place: Workspace) -> dict[Any, int]:
        with unscoped("a look at every table"):
            return {model: model._base_manager.filter(workspace_id=place.id).count() for model in erasure.tables()}

    theirs = left(foreign_workspace)
    assert not erasure.workspace_erase(workspace.id), "its days are not over"
    over(workspace)
    assert alice_client.get(f"/w/{workspace.slug}/").status_code == 404
    assert erasure.workspaces_due() == [workspace.id]
    assert erasure.workspace_erase(workspace.id)
    assert not erasure.workspace_erase(workspace.id)
    assert [model for model, count in left(workspace).items() if count] == []
    assert left(foreign_workspace) == theirs
    kept = Workspace.objects.get(id=workspace.id)
    assert (kept.name, kept.slug) == ("", f"erased-{workspace.id.hex}")
    assert Entry.objects.for_workspace(workspace.id).exists()
    assert apps.get_model("workspaces", "Membership") in erasure.tables()


def test_erasing_goes_on_where_it_was_broken_off(
    owner: Membership, project: Project, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(workspace)
    real: Any = erasure._rows_delete
    calls: list[Any] = []

    def dies(model: Any, workspace_id: Any) -> int:
        calls.append(model)
        if model is Project:
            raise ProtectedError("the worker is gone", set())
        return int(real(model, workspace_id))

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "_rows_delete", dies)
        with pytest.raises(ProtectedError):
            erasure.workspace_erase(workspace.id)
    assert Workspace.objects.get(id=workspace.id).erased_at is None
    assert not ProjectMember._base_manager.filter(workspace_id=workspace.id).exists()
    assert erasure.workspace_erase(workspace.id)
    assert not Project._base_manager.filter(workspace_id=workspace.id).exists()


def test_a_person_is_forgotten_unless_they_are_a_last_owner(
    owner: Membership, bob: User, workspace: Workspace, token_for: Callable[..., str]
) -> None:
    with pytest.raises(services.WorkspaceError, match="You are the only owner of Mill"):
        departures.account_close(user=owner.user, typed="alice@example.org")
    with pytest.raises(services.WorkspaceError, match="Type your e-mail address"):
        departures.account_close(user=bob, typed="bob")
    token_for(bob, workspace)
    departures.account_close(user=bob, typed="Bob@example.org")
    assert forgetting.people_due() == []
    User.objects.filter(id=bob.id).update(erase_at=timezone.now())
    assert forgetting.people_due() == [bob.id]
    assert forgetting.person_erase(bob.id)
    bob.refresh_from_db()
    assert (bob.is_active, bob.name, bob.email) == (False, "", f"{bob.id}@erased.invalid")
    assert not Membership.objects.filter(user=bob).exists()
    with unscoped("a test"):
        assert not ApiToken.objects.filter(created_by=bob, revoked_at=None).exists()
        told = AuditEntry.objects.filter(Q(actor_id=bob.id) | Q(target_id=str(bob.id)))
        assert {entry.action for entry in told} >= {"account_close"}
        assert "bob@example.org" not in f"{list(told.values_list('actor', 'subject'))}"
