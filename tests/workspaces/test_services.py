"""Who may make whom what, and that a workspace never loses its last owner."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.workspaces import inviting, services
from apps.workspaces.models import ApiToken, Invitation, Membership, Role, Workspace
from tests.conftest import member_make, person_make
from tests.mails import mails_post


def membership(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.get(user=user, workspace=workspace)


@pytest.mark.django_db
def test_slugs_come_from_the_name_and_are_unique() -> None:
    owner = person_make("olga")
    slugs = [services.workspace_create(name="River Works", owner_id=owner.id).slug for _ in range(3)]
    assert slugs[0] == "river-works"
    assert len(set(slugs)) == 3
    assert services.workspace_create(name="水车", owner_id=owner.id).slug.startswith("studio")
    assert services.workspace_create(name="Admin", owner_id=owner.id).slug.startswith("admin-")


@pytest.mark.django_db
def test_the_last_owner_stays(alice: User, workspace: Workspace) -> None:
    actor = membership(alice, workspace)
    with pytest.raises(services.WorkspaceError, match="needs an owner"):
        services.member_change_role(actor=actor, user_id=alice.id, role=Role.ADMIN)
    with pytest.raises(services.WorkspaceError, match="needs an owner"):
        services.member_remove(actor=actor, user_id=alice.id)


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_both_succeed(alice: User, workspace: Workspace) -> None:
    oscar = member_make("oscar", workspace, Role.OWNER)

    def leave(user: User) -> bool:
        try:
            services.member_remove(actor=membership(user, workspace), user_id=user.id)
            return True
        except services.WorkspaceError:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        left = list(pool.map(leave, [alice, oscar]))
    assert sorted(left) == [False, True]
    assert Membership.objects.filter(workspace=workspace, role=Role.OWNER).count() == 1


@pytest.mark.django_db
def test_admins_do_not_reach_for_owners(alice: User, ada: User, bob: User, workspace: Workspace) -> None:
    actor = membership(ada, workspace)
    services.member_change_role(actor=actor, user_id=bob.id, role=Role.ADMIN)
    assert membership(bob, workspace).role == Role.ADMIN
    for user, role in ((bob, Role.OWNER), (alice, Role.VIEWER)):
        with pytest.raises(services.WorkspaceError, match="Only an owner"):
            services.member_change_role(actor=actor, user_id=user.id, role=role)
    with pytest.raises(services.WorkspaceError, match="Only an owner"):
        inviting.member_invite(actor=actor, email="new@example.org", role=Role.OWNER)


@pytest.mark.django_db
def test_whoever_goes_takes_their_tokens_along(alice: User, bob: User, workspace: Workspace) -> None:
    token, _secret = services.token_issue(
        workspace_id=workspace.id, created_by_id=bob.id, name="x", scopes=["read"], days=7
    )
    services.member_remove(actor=membership(alice, workspace), user_id=bob.id)
    assert ApiToken.objects.for_workspace(workspace.id).get(id=token.id).revoked_at


@pytest.mark.django_db
def test_an_invitation_is_sent_accepted_and_used_up(alice: User, workspace: Workspace) -> None:
    invited = inviting.member_invite(actor=membership(alice, workspace), email="Grace@Example.org", role=Role.EDITOR)
    mails_post()
    letter = mail.outbox[-1]
    assert letter.to == ["Grace@example.org"]
    [token] = re.findall(r"/invitations/([^/\s]+)/", str(letter.body))
    found = inviting.invitation_by_token(token)
    assert found == invited

    grace = person_make("grace")
    assert inviting.invitation_accept(invitation_id=invited.id, user=grace).role == Role.EDITOR
    with pytest.raises(inviting.InvitationError, match="has been used"):
        inviting.invitation_accept(invitation_id=invited.id, user=grace)


@pytest.mark.django_db
def test_an_invitation_is_for_one_address_and_a_while(alice: User, charlie: User, workspace: Workspace) -> None:
    actor = membership(alice, workspace)
    invited = inviting.member_invite(actor=actor, email="grace@example.org", role=Role.EDITOR)
    with pytest.raises(inviting.InvitationError, match=r"for grace@example\.org"):
        inviting.invitation_accept(invitation_id=invited.id, user=charlie)
    grace = person_make("grace")
    with scope(workspace.id):
        Invitation.objects.filter(id=invited.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(inviting.InvitationError, match="has expired"):
        inviting.invitation_accept(invitation_id=invited.id, user=grace)
    again = inviting.member_invite(actor=actor, email="GRACE@example.org", role=Role.VIEWER)
    with pytest.raises(inviting.InvitationError, match="taken back"):
        inviting.invitation_accept(invitation_id=invited.id, user=grace)
    assert inviting.invitation_accept(invitation_id=again.id, user=grace).role == Role.VIEWER
    assert not Membership.objects.filter(user=charlie, workspace=workspace).exists()


@pytest.mark.django_db
def test_members_are_not_invited_again(alice: User, bob: User, workspace: Workspace) -> None:
    with pytest.raises(services.WorkspaceError, match="already a member"):
        inviting.member_invite(actor=membership(alice, workspace), email="BOB@example.org", role=Role.EDITOR)


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "x", "IjAxOSI:1:forged", "a" * 500])
def test_a_forged_invitation_link_is_nobodys(token: str) -> None:
    assert inviting.invitation_by_token(token) is None


@pytest.mark.django_db
def test_a_tokens_secret_is_told_once_and_kept_hashed(alice: User, workspace: Workspace) -> None:
    token, secret = services.token_issue(
        workspace_id=workspace.id, created_by_id=alice.id, name="ci", scopes=["runs:write", "read"], days=30
    )
    assert secret.startswith("mr_")
    assert len(secret) > 40
    row = ApiToken.objects.for_workspace(workspace.id).filter(id=token.id).values().get()
    assert secret not in str(row)
    assert bytes(row["digest"]) == ApiToken.digest_of(secret)
    assert row["scopes"] == ["read", "runs:write"]
    for scopes in ([], ["everything"]):
        with pytest.raises(services.WorkspaceError):
            services.token_issue(workspace_id=workspace.id, created_by_id=alice.id, name="x", scopes=scopes, days=7)
