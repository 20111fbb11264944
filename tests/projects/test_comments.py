"""Comments: who may say, change and settle what, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.db.models import QuerySet
from django.test import Client

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects import comments, services
from apps.projects.models import Comment, Mention, Workflow
from apps.projects.sharing import project_privacy_set, project_share
from apps.workspaces.models import Mail, Membership, Role, Workspace
from apps.workspaces.posting import mail_post
from apps.workspaces.service_accounts import service_account_create
from apps.workspaces.services import member_remove
from tests.conftest import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(workspace: Workspace, alice: User) -> Workflow:
    project = services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    return services.workflow_create(workspace_id=workspace.id, project_id=project.id, name="Flow", actor_id=alice.id)


def path(workflow: Workflow, rest: str = "") -> str:
    return f"/w/mill/workflows/{workflow.id}/comments/{rest}"


def test_a_guest_comments_changes_deletes_and_takes_back(workflow: Workflow, gwen: User, bob_client: Client) -> None:
    guest = client_of(gwen)
    assert guest.post(path(workflow, "new/"), {"body": "Too dark"}).status_code == 404
    member = Membership.objects.select_related("user").get(user=gwen)
    project_share(project=workflow.project, membership=member, role=Role.GUEST)
    assert "Too dark" in guest.post(path(workflow, "new/"), {"body": "Too dark", "node": "n1"}).content.decode()
    comment = Comment.objects.for_workspace(workflow.workspace_id).get()
    assert guest.post(path(workflow, f"{comment.id}/edit/"), {"body": "Too bright"}).status_code == 200
    answer = bob_client.post(path(workflow, "new/"), {"body": "Agreed", "parent": str(comment.id)})
    assert "Too bright" in answer.content.decode()
    assert bob_client.post(path(workflow, f"{comment.id}/edit/"), {"body": "no"}).status_code == 403
    assert bob_client.post(path(workflow, f"{comment.id}/delete/")).status_code == 403
    assert "Undo" in guest.post(path(workflow, f"{comment.id}/delete/")).content.decode()
    assert "Too bright" not in bob_client.get(path(workflow)).content.decode()
    assert "Too bright" in guest.post(path(workflow, f"{comment.id}/restore/")).content.decode()
    assert (
        "1 settled thread"
        in bob_client.post(path(workflow, f"{comment.id}/resolve/"), {"resolved": "1"}).content.decode()
    )


@pytest.mark.parametrize(("body", "said"), [("  ", "Write something first."), ("x" * 4001, "has 1 too many")])
def test_what_cannot_be_kept_is_said_and_stays_typed(
    workflow: Workflow, alice_client: Client, body: str, said: str
) -> None:
    answer = alice_client.post(path(workflow, "new/"), {"body": body})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert body.strip() in answer.content.decode()


def test_a_mention_is_mailed_and_marked_until_seen(
    workflow: Workflow, alice: User, bob: User, bob_client: Client, victor: User
) -> None:
    comments.comment_add(workflow=workflow, author_id=alice.id, body="@Bob and @victor@example.org, look. @Alice too")
    mentions = Mention.objects.for_workspace(workflow.workspace_id)
    assert set(mentions.values_list("user", flat=True)) == {bob.id, victor.id}
    assert {one.about for one in letters(workflow)} == set(mentions.values_list("id", flat=True))
    told = next(one for one in letters(workflow) if one.address == "bob@example.org")
    mail_post(told.id)
    mail_post(told.id)
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["bob@example.org"], "Alice named you in “Flow”")
    assert "@Bob and" in sent.body
    assert "Alice named you" in bob_client.get("/w/mill/projects/mentions/").content.decode()
    bob_client.get(path(workflow))
    assert [one.address for one in letters(workflow) if one.due_at] == ["victor@example.org"]
    assert "named you" not in bob_client.get("/w/mill/projects/mentions/").content.decode()


def letters(workflow: Workflow) -> QuerySet[Mail]:
    rows: QuerySet[Mail] = Mail.objects.for_workspace(workflow.workspace_id)
    return rows.filter(event__startswith="mention ")


def test_a_mention_is_written_in_the_readers_language(
    workflow: Workflow, alice: User, bob: User, bob_client: Client, victor: User
) -> None:
    bob_client.post("/i18n/setlang/", {"language": "zh-hans"})
    comments.comment_add(workflow=workflow, author_id=alice.id, body="@Bob @Victor")
    subjects = dict(letters(workflow).values_list("address", "subject"))
    assert subjects == {
        "bob@example.org": "Alice 在“Flow”中提到了你",
        "victor@example.org": "Alice named you in “Flow”",
    }


def test_what_nobody_is_to_read_any_more_is_not_mailed(
    workflow: Workflow, alice: User, bob: User, victor: User
) -> None:
    comment = comments.comment_add(workflow=workflow, author_id=alice.id, body="@Bob @Victor")
    to_bob = letters(workflow).get(address="bob@example.org")
    mail_post(to_bob.id)
    comments.comment_delete(comment=comment)
    assert letters(workflow).get() == to_bob  # it has gone
    comments.comment_restore(comment=comment)
    assert set(letters(workflow).exclude(due_at=None).values_list("address", flat=True)) == {"victor@example.org"}
    member_remove(actor=Membership.objects.get(user=alice), user_id=victor.id)
    assert letters(workflow).get() == to_bob


def test_nobody_hears_of_a_private_project_by_a_mention(workflow: Workflow, alice: User, bob: User) -> None:
    actor = Membership.objects.get(user=alice)
    comment = comments.comment_add(workflow=workflow, author_id=alice.id, body="@Bob")
    project_privacy_set(actor=actor, project=workflow.project, private=True)
    mention = Mention.objects.for_workspace(workflow.workspace_id).get(comment=comment)
    assert not letters(workflow).filter(about=mention.id).exists()
    with scope(workflow.workspace_id):
        assert comments.people_named("@Bob @Alice", workflow) == [alice]


def test_comments_over_the_api(
    workflow: Workflow, alice: User, bob: User, workspace: Workspace, token_for: Callable[..., str]
) -> None:
    alice_api, bob_api = (
        Client(headers={"Authorization": f"Bearer {token_for(user, workspace)}"}) for user in (alice, bob)
    )
    url = f"/api/v1/workflows/{workflow.id}/comments"
    made = alice_api.post(url, {"body": "Look"}, content_type="application/json").json()
    answer = bob_api.post(url, {"body": "I do", "parent": made["id"]}, content_type="application/json")
    assert answer.status_code == 201
    assert [item["body"] for item in bob_api.get(url).json()["items"]] == ["Look", "I do"]
    patch = {"body": "No"}
    assert bob_api.patch(f"{url}/{made['id']}", patch, content_type="application/json").status_code == 403
    settled = bob_api.patch(f"{url}/{made['id']}", {"resolved": True}, content_type="application/json").json()
    assert settled["resolved_at"]
    assert bob_api.delete(f"{url}/{made['id']}").status_code == 403
    assert alice_api.delete(f"{url}/{made['id']}").status_code == 204


def test_an_at_offers_the_people_who_see_the_project(
    workflow: Workflow, alice_client: Client, ada: User, bob: User, charlie: User, charlie_client: Client
) -> None:
    User.objects.filter(id=ada.id).update(name="Ada <b>Lovelace")
    everybody = alice_client.get(path(workflow, "people/")).content.decode()
    assert everybody.count('role="option"') == 2
    assert 'data-name="Ada &lt;b&gt;Lovelace"' in everybody
    assert "Bob" not in alice_client.get(path(workflow, "people/"), {"q": "LOVE"}).content.decode()
    assert alice_client.get(path(workflow, "people/"), {"q": "charlie\x00"}).content.decode().strip() == ""
    member = Membership.objects.get(user__email="alice@example.org")
    project_privacy_set(actor=member, project=workflow.project, private=True)
    assert alice_client.get(path(workflow, "people/")).content.decode().strip() == ""
    assert charlie_client.get(path(workflow, "people/")).status_code == 404


def test_a_refused_comment_keeps_its_node_and_its_words(workflow: Workflow, alice_client: Client) -> None:
    refused = alice_client.post(path(workflow, "new/"), {"body": " ", "node": "n1"})
    assert refused.status_code == 422
    assert 'name="node" value="n1"' in refused.content.decode()


def test_service_accounts_are_not_counted_among_the_people_who_see_a_project(
    workflow: Workflow, alice_client: Client
) -> None:
    member = Membership.objects.get(user__email="alice@example.org")
    service_account_create(actor=member, name="Nightly", role=Role.EDITOR)
    page = alice_client.get(f"/w/mill/projects/{workflow.project_id}/sharing/").content.decode()
    assert "1 person sees it." in page
