"""What members do to each other and to the workspace: each act leaves exactly one entry, by whoever did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.test import RequestFactory

from apps.accounts.models import User
from apps.common.origin import Origin, origin
from apps.common.tenancy import scope
from apps.projects.models import Project
from apps.projects.services import project_create
from apps.projects.sharing import project_privacy_set, project_share, project_unshare
from apps.workspaces import departures, inviting, ownership, service_accounts, single_sign_on
from apps.workspaces.models import AuditEntry, Invitation, Membership, Role, Workspace
from tests.conftest import person_make
from tests.workspaces.identity_provider import CLIENT, SECRET, Provider, provider_run

pytestmark = pytest.mark.django_db


@dataclass
class Scene:
    """Alice owns the workspace, Bob edits in it, and Grace is to come."""

    workspace: Workspace
    owner: Membership
    member: Membership
    project: Project
    idp: Provider

    def invite(self, *, to_project: bool = False, email: str = "grace@example.org") -> Invitation:
        where = self.project.id if to_project else None
        return inviting.member_invite(actor=self.owner, email=email, role=Role.VIEWER, project_id=where)

    def accept(self, *, to_project: bool) -> None:
        invitation_id = self.invite(to_project=to_project).id
        inviting.invitation_accept(invitation_id=invitation_id, user=person_make("grace"))

    def service(self) -> Any:
        return service_accounts.service_account_create(actor=self.owner, name="Robot", role=Role.EDITOR)

    def share(self, role: Role = Role.VIEWER) -> None:
        project_share(project=self.project, membership=self.member, role=role)

    def sign_on(self, **changed: Any) -> None:
        values = {"name": "Acme", "issuer": self.idp.url, "client_id": CLIENT, "secret": SECRET, **changed}
        single_sign_on.sign_on_set(workspace_id=self.workspace.id, **values)

    def join(self) -> None:
        self.sign_on()
        row = single_sign_on.sign_on_of(self.workspace.id)
        assert row is not None
        request = RequestFactory().get("/")
        request.session = {}  # type: ignore[assignment]
        grace = person_make("grace")
        login = SocialLogin(user=grace, account=SocialAccount(provider=row.provider_id, uid="7", user=grace))
        for _again in range(2):
            single_sign_on.came_through(request, login)

    def offered(self) -> None:
        ownership.ownership_offer(actor=self.owner, user_id=self.member.user_id)

    def close(self) -> None:
        ownership.workspace_close(actor=self.owner, typed=self.workspace.name)

    def restore(self) -> None:
        self.close()
        ownership.workspace_restore(actor=self.owner)

    def leave(self) -> None:
        departures.account_close(user=self.member.user, typed=self.member.user.email)

    def stay(self) -> None:
        self.leave()
        departures.account_keep(user=self.member.user)


@pytest.fixture
def scene(workspace: Workspace, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    owner, member = (
        Membership.objects.select_related("user", "workspace").get(workspace=workspace, user=user)
        for user in (alice, bob)
    )
    project = project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    with provider_run() as idp:
        monkeypatch.setattr(settings, "SSO_INTERNAL_HOSTS", ["127.0.0.1", idp.url.partition("//")[2]])
        yield Scene(workspace, owner, member, project, idp)


def token(scene: Scene) -> None:
    service_accounts.service_token_issue(
        account=scene.service(), issued_by_id=scene.owner.user_id, name="CI", scopes=["read"], days=7
    )


def shared_again(scene: Scene) -> None:
    scene.share()
    scene.share()


def unshared_twice(scene: Scene) -> None:
    scene.share()
    for _again in range(2):
        project_unshare(project=scene.project, membership=scene.member)


def changed_hands(scene: Scene) -> None:
    scene.offered()
    ownership.ownership_accept(actor=scene.member)


def declined(scene: Scene) -> None:
    scene.offered()
    ownership.ownership_offer_revoke(actor=scene.member)


def removed(scene: Scene) -> None:
    scene.sign_on()
    for _again in range(2):
        single_sign_on.sign_on_remove(workspace_id=scene.workspace.id)


def revoked_twice(scene: Scene) -> None:
    invitation_id = scene.invite().id
    for _again in range(2):
        inviting.invitation_revoke(workspace_id=scene.workspace.id, invitation_id=invitation_id)


def replaced(scene: Scene) -> None:
    """Another provider: that the one before went is part of it."""
    scene.sign_on()
    scene.sign_on(client_id="other")


ACTS: dict[str, tuple[Callable[[Scene], Any], str, str, int]] = {
    # what is done; the entry; who did it; how many entries
    "invite": (lambda scene: scene.invite(), "member_invite", "alice", 1),
    "resend": (
        lambda scene: inviting.invitation_resend(actor=scene.owner, invitation=scene.invite()),
        "invitation_resend", "alice", 1,
    ),
    "revoke": (revoked_twice, "invitation_revoke", "alice", 1),
    "accept": (lambda scene: scene.accept(to_project=False), "invitation_accept", "grace", 1),
    "accept to a project": (lambda scene: scene.accept(to_project=True), "invitation_accept", "grace", 1),
    "offer": (lambda scene: scene.offered(), "ownership_offer", "alice", 1),
    "decline": (declined, "ownership_offer_revoke", "bob", 1),
    "take over": (changed_hands, "ownership_accept", "bob", 1),
    "close": (lambda scene: scene.close(), "workspace_close", "alice", 1),
    "restore": (lambda scene: scene.restore(), "workspace_restore", "alice", 1),
    "service account": (lambda scene: scene.service(), "service_account_create", "alice", 1),
    "no service account": (
        lambda scene: service_accounts.service_account_delete(account=scene.service()),
        "service_account_delete", "alice", 1,
    ),
    "token of a service account": (token, "token_issue", "alice", 1),
    "share": (shared_again, "project_share", "alice", 1),
    "unshare": (unshared_twice, "project_unshare", "alice", 1),
    "privacy": (
        lambda scene: project_privacy_set(actor=scene.owner, project=scene.project, private=True),
        "project_privacy_set", "alice", 1,
    ),
    "leave for good": (lambda scene: scene.leave(), "account_close", "bob", 1),
    "stay after all": (lambda scene: scene.stay(), "account_keep", "bob", 1),
    "sign-on": (lambda scene: scene.sign_on(), "sign_on_set", "alice", 1),
    "another sign-on": (replaced, "sign_on_set", "alice", 2),
    "no sign-on": (removed, "sign_on_remove", "alice", 1),
    "join by sign-on": (lambda scene: scene.join(), "sign_on_join", "grace", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_each_act_leaves_one_entry(name: str, scene: Scene) -> None:
    act, action, who, count = ACTS[name]
    with scope(scene.workspace.id), origin(Origin(person=scene.owner.user, address="192.0.2.7")):
        before = AuditEntry.objects.count()
        act(scene)
        found = list(AuditEntry.objects.filter(action=action))
        others = AuditEntry.objects.exclude(action=action).count() - before
    assert [entry.actor["email"] for entry in found] == [f"{who}@example.org"] * count
    assert SECRET not in f"{[(entry.before, entry.after, entry.subject) for entry in found]}"
    # At most the one act that this one needed first.
    assert others <= 1, "nothing else was told of it"


def test_an_invitation_to_a_project_is_one_entry(scene: Scene) -> None:
    with scope(scene.workspace.id):
        scene.accept(to_project=True)
        told = set(AuditEntry.objects.values_list("action", flat=True))
    assert told == {"project_create", "member_invite", "invitation_accept"}
