"""Switches: what is off is refused with a sentence where the person is, and asking costs no query."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.generations.models import Generation
from apps.generations.services import InvalidGeneration, generation_start
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run
from apps.workspaces import switches
from apps.workspaces.models import Switch, Workspace
from apps.workspaces.switches import SWITCHES, SwitchName, provider_switch, switch_on, switch_set
from tests.tenancy.samples import GRAPH

pytestmark = pytest.mark.django_db
ADD = "admin:workspaces_switch_add"


def say(name: str, on: bool, workspace: Workspace | None = None) -> None:
    """As the service does, known at once in this process."""
    switch_set(name=name, on=on, workspace_id=workspace.id if workspace else None, reason="A test", actor_id=None)
    SWITCHES.load()


@pytest.fixture
def workflow(alice: User, workspace: Workspace) -> Workflow:
    project = project_create(workspace_id=workspace.id, name="P", actor_id=alice.id)
    return workflow_create(workspace_id=workspace.id, project_id=project.id, name="W", graph=GRAPH, actor_id=alice.id)


def test_what_is_said_of_a_workspace_counts_there(workspace: Workspace, foreign_workspace: Workspace) -> None:
    assert switch_on(SwitchName.RUNS, workspace.id)
    say(SwitchName.RUNS, False)
    say(SwitchName.RUNS, True, workspace)
    assert switch_on(SwitchName.RUNS, workspace.id)
    assert not switch_on(SwitchName.RUNS, foreign_workspace.id)


def test_asking_costs_no_query(workspace: Workspace, django_assert_num_queries: Any) -> None:
    say(SwitchName.RUNS, False)
    with django_assert_num_queries(0):
        assert not switch_on(SwitchName.RUNS, workspace.id)


def test_new_runs_are_refused(api: Any, workflow: Workflow, workspace: Workspace) -> None:
    say(SwitchName.RUNS, False, workspace)
    answer = api().post(f"/api/v1/workflows/{workflow.id}/runs", {}, content_type="application/json")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/switched-off"
    assert "paused" in answer.json()["detail"]
    assert not Run.objects.for_workspace(workspace.id).exists()
    say(SwitchName.RUNS, True, workspace)
    assert api().post(f"/api/v1/workflows/{workflow.id}/runs", {}, content_type="application/json").status_code == 202


@pytest.mark.parametrize("name", [SwitchName.PAID_CALLS.value, provider_switch("sandbox")])
def test_paid_calls_are_refused_before_anything_is_held(name: str, workspace: Workspace) -> None:
    credits_grant(workspace_id=workspace.id, amount=50_000_000, reason="x", source="test", source_id="1")
    say(name, False)
    with pytest.raises(InvalidGeneration, match="paused") as refused:
        generation_start(workspace_id=workspace.id, project_id=None, model="sandbox/image", params={"prompt": "a mill"})
    assert refused.value.fields[0]["field"] == "model"
    assert not Generation.objects.for_workspace(workspace.id).exists()


def test_nobody_signs_up_while_that_is_off(client: Client) -> None:
    say(SwitchName.SIGN_UPS, False)
    sent = {"name": "New", "email": "new@example.org", "password1": "correct horse battery"}
    answer = client.post(reverse("account_signup"), sent)
    assert "cannot be made at the moment" in answer.content.decode()
    assert not User.objects.filter(email="new@example.org").exists()


def test_staff_say_it_with_a_reason(
    root_client: Client, root: User, acts: Any, audited: Any, workspace: Workspace
) -> None:
    sent = {"name": SwitchName.RUNS.value, "workspace": str(workspace.id), "reason": "Runs away"}  # on is not ticked
    assert root_client.post(reverse(ADD), {**sent, "reason": " "}).status_code == 200
    assert not Switch.objects.exists()
    assert root_client.post(reverse(ADD), sent).status_code == 302
    row = Switch.objects.get()
    assert (row.on, row.workspace_id, row.changed_by_id) == (False, workspace.id, root.id)
    assert acts()
    assert audited() == [("switch_set", "root@example.org", "Runs away")]
    again = root_client.post(reverse(ADD), sent)
    assert again.status_code == 200
    assert "Change that one" in again.content.decode()
    page = root_client.get(reverse("admin:workspaces_switch_changelist")).content.decode()
    assert "New runs" in page
    assert "Mill" in page


def test_sign_ups_belong_to_no_workspace(root_client: Client, workspace: Workspace) -> None:
    sent = {"name": SwitchName.SIGN_UPS.value, "workspace": str(workspace.id), "reason": "x"}
    assert "Leave this empty" in root_client.post(reverse(ADD), sent).content.decode()


def test_only_superusers_switch(helper_client: Client, alice_client: Client) -> None:
    assert helper_client.post(reverse(ADD), {"name": "runs", "reason": "x"}).status_code == 403
    assert alice_client.post(reverse(ADD), {"name": "runs", "reason": "x"}).status_code == 302
    assert not Switch.objects.exists()


def test_every_process_hears_of_it(
    workspace: Workspace, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        switch_set(name=SwitchName.RUNS, on=False, workspace_id=None, reason="x", actor_id=None)
    assert not switch_on(SwitchName.RUNS)
    # Another process knows an older stamp, and looks before its next request.
    switches._rows.clear()
    monkeypatch.setattr(SWITCHES, "_known", "older")
    monkeypatch.setattr(SWITCHES, "_looked", 0.0)
    SWITCHES.sync()
    assert not switch_on(SwitchName.RUNS)
