"""Who sees a project, and as what: the decision, the same in SQL, and in what queries answer."""

from __future__ import annotations

from itertools import product

import pytest

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects import services
from apps.projects.models import PROJECT_ROLES, Project, ProjectMember, Workflow
from apps.projects.sharing import SharingError, project_privacy_set, project_share, project_unshare
from apps.projects.sight import people_with, project_role, role_decide
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.services import member_remove
from apps.workspaces.sight import MemberReader
from tests.conftest import member_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(workspace: Workspace, alice: User) -> Workflow:
    project = services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    return services.workflow_create(workspace_id=workspace.id, project_id=project.id, name="Flow", actor_id=alice.id)


def member(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.select_related("user").get(user=user, workspace=workspace)


@pytest.mark.parametrize(
    ("held", "private", "listed", "role"),
    [
        (Role.EDITOR, False, None, Role.EDITOR),
        (Role.VIEWER, False, Role.EDITOR, Role.EDITOR),
        (Role.ADMIN, False, Role.VIEWER, Role.ADMIN),
        (Role.OWNER, True, None, None),
        (Role.OWNER, True, Role.VIEWER, Role.VIEWER),
        (Role.VIEWER, True, Role.ADMIN, Role.ADMIN),
        (Role.GUEST, False, None, None),
        (Role.GUEST, False, Role.EDITOR, Role.GUEST),
        (Role.GUEST, True, Role.GUEST, Role.GUEST),
    ],
)
def test_role_decide(held: Role, private: bool, listed: Role | None, role: Role | None) -> None:
    assert role_decide(held, private=private, listed=listed) is role


def test_the_statement_of_a_hot_request_and_the_lists_decide_the_same(workflow: Workflow, workspace: Workspace) -> None:
    """Every role, listed as every role or not, in an open and in a private project, asked for every role."""
    cases = 0
    for held, listed in product(Role, (None, *PROJECT_ROLES)):
        person = member(member_make(f"m{cases}", workspace, held), workspace)
        if listed:
            ProjectMember.objects.for_workspace(workspace.id).create(
                workspace=workspace, project=workflow.project, membership=person, role=listed
            )
        for private in (False, True):
            Project.objects.for_workspace(workspace.id).update(private=private)
            project = Project.objects.for_workspace(workspace.id).get()
            decided = role_decide(held, private=private, listed=listed)
            with scope(workspace.id, MemberReader.of(person)):
                assert project_role(person, project) is decided
                seen = decided is not None
                assert Project.objects.exists() is seen
                assert Workflow.objects.exists() is seen
                for need in (Role.GUEST, Role.VIEWER, Role.EDITOR, Role.ADMIN):
                    found = services.workflow_get(workflow.id, need=need)
                    assert (found is not None) is (decided is not None and decided.includes(need)), (held, listed, need)
            for least in PROJECT_ROLES:
                enough = decided is not None and decided.includes(least)
                assert people_with(project, least).filter(id=person.id).exists() is enough, (held, listed, least)
        cases += 1
    assert cases == 25


def test_a_private_project_always_has_an_admin(
    workflow: Workflow, workspace: Workspace, alice: User, bob: User
) -> None:
    project, of_alice, of_bob = workflow.project, member(alice, workspace), member(bob, workspace)
    project_privacy_set(actor=of_bob, project=project, private=True)
    project_unshare(project=project, membership=of_alice)
    with pytest.raises(SharingError, match="needs an admin"):
        project_unshare(project=project, membership=of_bob)
    with pytest.raises(SharingError, match="needs an admin"):
        project_share(project=project, membership=of_bob, role=Role.VIEWER)
    # Whoever leaves does not take it along: it falls to an owner.
    member_remove(actor=of_alice, user_id=bob.id)
    with scope(workspace.id):
        assert project_role(of_alice, project) is Role.ADMIN


def test_a_guest_is_a_guest_in_every_project(workflow: Workflow, workspace: Workspace) -> None:
    guest = member(member_make("gast", workspace, Role.GUEST), workspace)
    with pytest.raises(SharingError, match="is a guest and may only comment"):
        project_share(project=workflow.project, membership=guest, role=Role.EDITOR)
    with pytest.raises(SharingError, match="no such role"):
        project_share(project=workflow.project, membership=guest, role=Role.OWNER)
