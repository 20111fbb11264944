"""The audit log: what an entry says, that none can be changed, and that a change by force is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import RequestFactory

from apps.accounts.models import User
from apps.common.origin import Origin, client_address, origin
from apps.workspaces.audit import HIDDEN, audit_record, person_forget
from apps.workspaces.audit_chain import chain_check, chain_verify, head_get
from apps.workspaces.models import AuditEntry, Workspace
from tests.conftest import client_of


def entries(workspace: Workspace) -> list[AuditEntry]:
    """Chained, as after a commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return list(AuditEntry.objects.for_workspace(workspace.id).order_by("seq"))


@contextmanager
def by_force() -> Iterator[CursorWrapper]:
    """What only the owner of the tables can do: triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("workspaces_auditentry", "workspaces_audithead"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in ("workspaces_auditentry", "workspaces_audithead"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def three(workspace: Workspace, alice: User) -> list[AuditEntry]:
    with origin(Origin(person=alice, address="192.0.2.7", agent="Firefox")):
        for number in range(3):
            audit_record(
                workspace_id=workspace.id, action="project_rename", target=f"P{number}", target_id="p",
                before={"name": f"O{number}"}, after={"name": f"P{number}"},
            )  # fmt: skip
    return entries(workspace)


def test_an_entry_says_who_what_and_where_from(workspace: Workspace, alice: User) -> None:
    with origin(Origin(person=alice, address="192.0.2.7", agent="Firefox")):
        audit_record(
            workspace_id=workspace.id,
            action="member_change_role",
            target="bob@example.org",
            target_id=alice.id,
            before={"role": "editor", "same": 1, "email": "old@example.org", "api_key": "one"},
            after={"role": "admin", "same": 1, "email": "new@example.org", "api_key": "two"},
        )
    (entry,) = entries(workspace)
    assert (entry.seq, entry.actor_id, entry.actor_kind) == (1, alice.id, "person")
    assert entry.actor == {"name": "Alice", "email": alice.email, "address": "192.0.2.7", "agent": "Firefox"}
    assert entry.before == {"role": "editor", "api_key": HIDDEN}
    assert entry.after == {"role": "admin", "api_key": HIDDEN}
    assert entry.subject["label"] == "bob@example.org"
    assert entry.subject["after"] == {"email": "new@example.org"}
    assert chain_verify(workspace.id).broken == ""


def test_odd_values_are_kept_as_they_read_back(workspace: Workspace) -> None:
    odd = {"float": 1.0, "big": 2**70, "nul": "a\x00b", "half": "\ud800", "long": "x" * 9000, "set": {"b", "a"}}
    audit_record(
        workspace_id=workspace.id, action="odd_act", after={**odd, "deep": {"token": "t", "list": [1.5, UUID(int=1)]}}
    )
    audit_record(workspace_id=workspace.id, action="much_act", after={str(n): "y" * 400 for n in range(200)})
    first, second = entries(workspace)
    assert first.actor_kind == "system"
    assert first.after["deep"]["token"] == HIDDEN
    assert len(second.after) == 50
    assert chain_verify(workspace.id) == chain_check(workspace.id, whole=True)
    assert head_get(workspace.id).verified_seq == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workspaces_auditentry SET action = 'x'",
        'UPDATE workspaces_auditentry SET actor = \'{"name": "Bob"}\'',
        "UPDATE workspaces_auditentry SET actor_salt = NULL",
        "UPDATE workspaces_auditentry SET seq = 9",
        "DELETE FROM workspaces_auditentry",
        "UPDATE workspaces_audithead SET seq = 1",
        "DELETE FROM workspaces_audithead",
    ],
)
def test_no_entry_can_be_changed(statement: str, workspace: Workspace, alice: User) -> None:
    three(workspace, alice)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE workspaces_auditentry SET action = 'x' WHERE seq = 2", "entry 2 was changed"),
        ("UPDATE workspaces_auditentry SET created_at = created_at + interval '1 us' WHERE seq = 3", "entry 3 was"),
        ('UPDATE workspaces_auditentry SET actor = \'{"name": "Bob"}\' WHERE seq = 1', "entry 1: who did it"),
        ("UPDATE workspaces_auditentry SET subject_salt = NULL WHERE seq = 1", "entry 1: what it was done to"),
        ("DELETE FROM workspaces_auditentry WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM workspaces_auditentry WHERE seq = 3", "entry 3 is missing"),
        ("DELETE FROM workspaces_auditentry WHERE seq < 3", "entries 1 to 2 are missing"),
        ("UPDATE workspaces_audithead SET hash = ''", "the head does not follow"),
        (
            "UPDATE workspaces_auditentry SET digest = sha256('x'), hash = sha256('y') WHERE seq = 2",
            "entry 2 was changed",
        ),
    ],
)
def test_a_change_by_force_is_found(statement: str, where: str, workspace: Workspace, alice: User) -> None:
    three(workspace, alice)
    with by_force() as cursor:
        cursor.execute(statement)
    report = chain_check(workspace.id, whole=True)
    assert where in report.broken
    assert head_get(workspace.id).broken == report.broken
    with pytest.raises(CommandError):
        call_command("audit_verify", workspace=workspace.slug)


def test_a_chain_made_anew_is_found_by_its_anchor(workspace: Workspace, alice: User, tmp_path: Path) -> None:
    three(workspace, alice)
    call_command("audit_verify", anchors_out=tmp_path / "anchors")
    call_command("audit_verify", anchors=tmp_path / "anchors")
    with by_force() as cursor:
        cursor.execute("DELETE FROM workspaces_auditentry")
        cursor.execute("DELETE FROM workspaces_audithead")
    three(workspace, alice)
    call_command("audit_verify")
    with pytest.raises(CommandError):
        call_command("audit_verify", anchors=tmp_path / "anchors")


def test_a_person_is_forgotten_and_the_chain_holds(workspace: Workspace, alice: User, bob: User) -> None:
    three(workspace, alice)
    with origin(Origin(person=bob)):
        audit_record(workspace_id=workspace.id, action="member_remove", target=alice.email, target_id=alice.id)
    assert person_forget(user_id=alice.id, email=alice.email) == 4
    kept = entries(workspace)
    assert [entry.actor for entry in kept[:3]] == [{}, {}, {}]
    assert kept[0].subject["label"] == "P0"
    assert kept[3].subject == {}
    assert kept[3].actor["email"] == bob.email
    assert chain_verify(workspace.id).broken == ""


def test_a_later_check_begins_where_the_last_one_ended(workspace: Workspace, alice: User) -> None:
    three(workspace, alice)
    chain_check(workspace.id, whole=False)
    with by_force() as cursor:
        cursor.execute("UPDATE workspaces_auditentry SET action = 'x' WHERE seq = 2")
    audit_record(workspace_id=workspace.id, action="late_act")
    entries(workspace)
    assert chain_check(workspace.id, whole=False).seq == 4
    assert chain_check(workspace.id, whole=True).seq == 1


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [(0, "203.0.113.9", "10.0.0.1"), (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"), (2, "203.0.113.9", "10.0.0.1")],
)
def test_the_address_is_what_our_own_proxy_saw(proxies: int, forwarded: str, seen: str, settings: object) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies  # type: ignore[attr-defined]
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
    assert client_address(request.META) == seen


def test_a_page_names_the_person_and_the_browser(workspace: Workspace, ada: User) -> None:
    client = client_of(ada)
    client.post(f"/w/{workspace.slug}/settings/", {"name": "Moulin"}, headers={"User-Agent": "Lynx"})
    (entry,) = [entry for entry in entries(workspace) if entry.action == "workspace_rename"]
    assert (entry.actor["email"], entry.actor["agent"], entry.actor["address"]) == (ada.email, "Lynx", "127.0.0.1")
    assert (entry.before, entry.after) == ({"name": "Mill"}, {"name": "Moulin"})


def test_nothing_changed_is_nothing_told(workspace: Workspace) -> None:
    audit_record(workspace_id=workspace.id, action="odd_act", before={"name": "a"}, after={"name": "a"})
    assert entries(workspace) == []
