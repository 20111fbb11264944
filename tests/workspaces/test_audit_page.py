"""The audit log as admins see it: the page, its search, the exports, the API."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.common.origin import Origin, origin
from apps.workspaces.audit import audit_record
from apps.workspaces.audit_words import ACTIONS
from apps.workspaces.models import TokenScope, Workspace
from apps.workspaces.tasks import audit_verify
from tests.workspaces.test_audit import by_force, entries

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(workspace: Workspace, alice: User, bob: User) -> Workspace:
    with origin(Origin(person=alice, address="192.0.2.7", agent="Firefox")):
        audit_record(
            workspace_id=workspace.id, action="member_change_role", target=bob.email, target_id=bob.id,
            before={"role": "viewer"}, after={"role": "editor"},
        )  # fmt: skip
        audit_record(workspace_id=workspace.id, action="project_create", target="=Mühle <b>", target_id="p1")
    with origin(Origin(person=bob)):
        audit_record(workspace_id=workspace.id, action="unheard_of", after={"text": "x" * 400})
    entries(workspace)
    return workspace


def page(client: Client, workspace: Workspace, **query: str) -> str:
    answer = client.get(reverse("workspaces:audit", args=[workspace.slug]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_tells_each_act_and_what_changed(log: Workspace, ada_client: Client) -> None:
    text = page(ada_client, log)
    assert "Changed a role" in text
    assert re.search(r"Viewer</del>.*Editor</ins>", text)
    assert "=Mühle &lt;b&gt;" in text
    assert "Unheard of" in text
    assert "192.0.2.7" in text
    assert "Not verified yet" in text


def test_values_are_told_in_words_and_exported_as_they_are(
    workspace: Workspace, alice: User, ada_client: Client
) -> None:
    at = "2026-12-24T18:30:00+00:00"
    acts: list[tuple[str, dict[str, Any]]] = [
        ("budget_create", {"limit": 1_234_500_000, "alerts": [50, 80], "active": True, "period": "month"}),
        ("credits_grant", {"amount": 2_500_000, "reason": "Sorry"}),
        ("purchase_refund", {"amount": 1_250, "currency": "usd"}),
        ("token_issue", {"scopes": ["read"], "days": 30}),
        ("workspace_close", {"erase_at": at}),
        ("unheard_of", {"odd_thing": {"a": 1}}),
    ]
    for action, after in acts:
        audit_record(workspace_id=workspace.id, action=action, after=after, actor_id=alice.id)
    entries(workspace)
    text = page(ada_client, workspace)
    for words in ("1,234.5 credits", "50 %, 80 %", "Each month", "In force", "2.5 credits", "12.50 USD", "Odd thing"):
        assert words in text
    for words in ("Read everything", "30 days", "Dec. 24, 2026, 6:30 p.m."):
        assert words in text
    for found, words in ((1, "1,234.5"), (1, "12.50"), (1, "Permissions")):
        assert page(ada_client, workspace, words=words).count("<dl") == found
    raw = b"".join(ada_client.get(reverse("workspaces:audit_jsonl", args=[workspace.slug]))).decode()
    assert '"limit": 1234500000' in raw
    assert at in raw


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"words": "mühle"}, [2]),
        ({"words": "editor role"}, [1]),
        ({"words": "Changed"}, [1]),
        ({"person": "bob"}, [3]),
        ({"person": "alice@example.org"}, [1, 2]),
        ({"action": "project_create"}, [2]),
        ({"target": "p1"}, [2]),
        ({"words": "100%"}, []),
        ({"since": "2001-01-01", "until": "2001-01-02"}, []),
        ({"since": "2001-01-01"}, [1, 2, 3]),
    ],
)
def test_the_log_is_searched(query: dict[str, str], found: list[int], log: Workspace, ada_client: Client) -> None:
    text = page(ada_client, log, **query)
    assert sorted(int(number) for number in re.findall(r"#(\d+)</span>", text)) == found
    assert ("Nothing matches" in text) is (not found)


def test_days_the_wrong_way_round_are_said(log: Workspace, ada_client: Client) -> None:
    assert "This day lies before the first one." in page(ada_client, log, since="2026-02-02", until="2026-01-01")


def test_exports_are_whole_and_told(log: Workspace, ada_client: Client) -> None:
    answer: Any = ada_client.get(reverse("workspaces:audit_csv", args=[log.slug]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [row["seq"] for row in rows] == ["3", "2", "1"]
    assert rows[1]["target"] == "'=Mühle <b>", "no spreadsheet takes it for a formula"
    assert json.loads(rows[2]["after"]) == {"role": "editor"}
    answer = ada_client.get(reverse("workspaces:audit_jsonl", args=[log.slug]), {"person": "bob"})
    (line,) = b"".join(answer.streaming_content).decode().splitlines()
    assert json.loads(line)["actor"] == "bob@example.org"
    assert [entry.action for entry in entries(log)[3:]] == ["audit_export", "audit_export"]


def test_pages_follow_the_numbers(workspace: Workspace, ada_client: Client) -> None:
    for number in range(120):
        audit_record(workspace_id=workspace.id, action="odd_act", target_id=str(number))
    entries(workspace)
    seen, url = [], reverse("workspaces:audit", args=[workspace.slug])
    query: dict[str, str] = {}
    while True:
        text = ada_client.get(url, query, headers={"HX-Request": "true"}).content.decode()
        seen += [int(number) for number in re.findall(r"#(\d+)</span>", text)]
        found = re.search(r"cursor=([\w%=-]+)", text)
        if not found:
            break
        query = {"cursor": found[1]}
    assert seen == list(range(120, 0, -1))


def test_the_page_says_what_was_verified_and_what_is_broken(log: Workspace, ada_client: Client) -> None:
    audit_verify(workspace_id=str(log.id))
    assert "Verified up to entry 3" in page(ada_client, log)
    with by_force() as cursor:
        cursor.execute("UPDATE workspaces_auditentry SET action = 'x' WHERE seq = 2")
    audit_verify(workspace_id=str(log.id))
    text = page(ada_client, log)
    assert "changed by force" in text
    assert "entry 2 was changed after it was written" in text


def test_the_log_over_the_api(
    log: Workspace, alice: User, bob: User, token_for: Callable[..., str], api: Callable[..., Client]
) -> None:
    token = token_for(alice, log, scopes=[TokenScope.AUDIT_READ])
    answer = api(token).get("/api/v1/audit", {"limit": 2}).json()
    assert [item["seq"] for item in answer["items"]] == [3, 2]
    rest = api(token).get("/api/v1/audit", {"cursor": answer["next"]}).json()
    assert rest["items"][0]["before"] == {"role": "viewer"}
    assert rest["next"] is None
    head = api(token).get("/api/v1/audit/head").json()
    assert (head["seq"], head["hash"]) == (3, answer["items"][0]["hash"])
    assert api(token).get("/api/v1/audit", {"cursor": "nonsense"}).status_code == 422
    refused = api(token_for(bob, log, scopes=[TokenScope.AUDIT_READ])).get("/api/v1/audit")
    assert refused.status_code == 403, "an editor's token is an editor"


def test_every_act_has_words() -> None:
    pattern = re.compile(
        r"audit_record\([^)]*?action=\"(\w+)\"|audit_row\(\"(\w+)\"|_audit_member\(\w+, \"(\w+)\"", re.S
    )
    said = {
        name
        for path in (ROOT / "apps").rglob("*.py")
        for found in pattern.finditer(path.read_text())
        for name in found.groups()
        if name
    }
    assert len(said) > 25, "the pattern finds too few"
    assert said - set(ACTIONS) == set(), "add its words to apps/workspaces/audit_words.py"
