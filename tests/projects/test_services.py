"""The log: gapless, applied once, refused whole; snapshots are only caches of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.common.tenancy import ScopeError
from apps.engine.operations import empty_document, fold
from apps.projects import services, versions
from apps.projects.envelopes import OperationRefused
from apps.projects.journal import ClientSeqReused, DocumentTooLarge, document_at
from apps.projects.models import Operation, Project, Workflow
from apps.workspaces.models import Workspace
from tests.projects.graphs import add, edge, graph, node, put


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)


@pytest.fixture
def workflow(project: Project, alice: User) -> Workflow:
    return services.workflow_create(
        workspace_id=project.workspace_id, project_id=project.id, name="Flow", actor_id=alice.id
    )


def rows(workflow: Workflow) -> list[Operation]:
    return list(Operation.objects.for_workspace(workflow.workspace_id).filter(workflow=workflow).order_by("seq"))


def apply(workflow: Workflow, *ops: Any, client: str = "c1") -> services.AppliedOperations:
    return services.operations_apply(
        workflow=workflow, actor_id=workflow.created_by_id, client_id=client, ops=list(ops)
    )


def replace(workflow: Workflow, base_seq: int, document: Any) -> services.AppliedOperations:
    return services.graph_replace(workflow=workflow, base_seq=base_seq, graph=document, actor_id=None)


def test_operations_get_gapless_seqs_in_their_order(workflow: Workflow) -> None:
    assert apply(workflow, add(1, "a"), add(2, "b")).seq == 2
    assert apply(workflow, put(1, "a", "text", "sea"), client="c2").seq == 3
    assert [row.seq for row in rows(workflow)] == [1, 2, 3]
    document, seq = services.workflow_document(workflow)
    assert seq == 3
    assert [(n["id"], n["params"]) for n in document["nodes"]] == [("a", {"text": "sea"}), ("b", {})]


def test_a_repeat_answers_the_same_seq_and_changes_nothing(workflow: Workflow) -> None:
    first = apply(workflow, add(1, "a"), add(2, "b"))
    apply(workflow, add(1, "x"), client="c2")
    again = apply(workflow, add(1, "a"), add(2, "b"))
    assert (first.seq, again.seq) == (2, 2)
    assert [row.seq for row in again.rows] == [1, 2]
    assert len(rows(workflow)) == 3
    # Part of it repeated, part of it new; and one operation twice in one request.
    mixed = apply(workflow, add(2, "b"), add(3, "c"), add(3, "c"))
    assert [row.seq for row in mixed.rows] == [2, 4, 4]


def test_numbers_are_compared_by_value_in_a_repeat(workflow: Workflow) -> None:
    op = put(1, "a", "big", [1e300, 1.0, -0.0, {"t": True}])
    assert apply(workflow, op).seq == apply(workflow, op).seq == 1
    with pytest.raises(ClientSeqReused):
        apply(workflow, put(1, "a", "big", [1e300, 1.0, -0.0, {"t": 1}]))


def test_a_client_seq_used_for_something_else_is_refused(workflow: Workflow) -> None:
    apply(workflow, add(1, "a"))
    with pytest.raises(ClientSeqReused):
        apply(workflow, add(2, "fine"), add(1, "b"))
    assert len(rows(workflow)) == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"client_seq": 2, "op": "explode"}, "op"),
        ({"client_seq": 2, "op": "remove_node"}, "id"),
        ({"client_seq": 2, "op": "remove_node", "id": "x", "extra": 1}, "extra"),
        ({"op": "remove_node", "id": "x"}, "client_seq"),
        ({"client_seq": True, "op": "remove_node", "id": "x"}, "client_seq"),
        ({"client_seq": -1, "op": "remove_node", "id": "x"}, "client_seq"),
        ({"client_seq": 2**63, "op": "remove_node", "id": "x"}, "client_seq"),
        ("remove", "object"),
        (put(2, "a", "p", "x" * 300_000), "256 KiB"),
        (put(2, "a", "p", "\x00"), "null"),
        (put(2, "a", "p", float("nan")), "finite"),
        (put(2, "a", "p", 10**400), "finite"),
        ({"client_seq": 2, "op": "set", "id": "a", "path": ["position"], "value": {"x": 10**400, "y": 0}}, "finite"),
    ],
)
def test_one_malformed_operation_refuses_the_request_whole(workflow: Workflow, bad: Any, words: str) -> None:
    with pytest.raises(OperationRefused) as refused:
        apply(workflow, add(1, "a"), bad)
    assert refused.value.index == 1
    assert words in refused.value.detail
    assert rows(workflow) == []


def test_a_value_nested_too_deeply_is_refused(workflow: Workflow) -> None:
    value: Any = 1
    for _ in range(400):
        value = [value]
    with pytest.raises(OperationRefused, match="nested"):
        apply(workflow, put(1, "a", "p", value))
    with pytest.raises(services.GraphRefused, match="nested"):
        replace(workflow, 0, graph(node("a", params={"p": value})))


@pytest.mark.parametrize("client", ["", "x" * 65, "has space", 5])
def test_a_bad_client_id_is_refused(workflow: Workflow, client: Any) -> None:
    with pytest.raises(OperationRefused, match="client_id"):
        apply(workflow, add(1, "a"), client=client)


def test_more_than_a_thousand_operations_are_refused(workflow: Workflow) -> None:
    with pytest.raises(OperationRefused, match="1,000"):
        apply(workflow, *(add(n, f"n{n}") for n in range(1001)))


def test_the_snapshot_is_the_fold_of_the_whole_log(workflow: Workflow) -> None:
    for n in range(1, 150):
        op = add(n, f"n{n}") if n % 3 else {"client_seq": n, "op": "remove_node", "id": f"n{n - 2}"}
        apply(workflow, op)
    stored = Workflow.objects.for_workspace(workflow.workspace_id).get(id=workflow.id)
    log = [row.op for row in rows(workflow)]
    assert stored.snapshot_seq == 128
    assert stored.snapshot == fold(empty_document(), log[:128])
    assert services.workflow_document(workflow) == (fold(empty_document(), log), 149)
    for seq in (0, 5, 127, 128, 140):
        assert document_at(workflow, seq) == fold(empty_document(), log[:seq])


def test_an_ordinary_change_costs_the_same_however_long_the_log(workflow: Workflow) -> None:
    counts = []
    for n in (1, 2, 40, 130):
        with CaptureQueriesContext(connection) as queries:
            apply(workflow, add(n, f"n{n}"))
        counts.append(len(queries))
        apply(workflow, *(add(1000 + n * 10 + k, f"x{n}.{k}") for k in range(5)))
    assert max(counts) <= 8


def test_the_limits_hold_over_many_requests(workflow: Workflow) -> None:
    big = "x" * 250_000
    with pytest.raises(DocumentTooLarge):
        for n in range(1, 30):
            apply(workflow, add(n, f"n{n}", params={"text": big}))
    assert len(rows(workflow)) == 19
    # What is only replaced does not add up.
    for n in range(40):
        apply(workflow, put(100 + n, "n1", "text", big[: 250_000 - n]))


def test_a_graph_of_10001_nodes_is_refused_and_of_10000_is_not(project: Project, workflow: Workflow) -> None:
    many = graph(*(node(f"n{n}") for n in range(10_000)))
    replace(workflow, 0, many)
    with pytest.raises(DocumentTooLarge):
        apply(workflow, add(1, "one.more"))
    with pytest.raises(services.GraphRefused, match="10,000"):
        replace(workflow, 10_000, graph(*many["nodes"], node("one.more")))
    assert services.workflow_document(workflow)[1] == 10_000


def test_a_new_workflow_takes_a_graph_with_mistakes(project: Project) -> None:
    loop = graph(
        node("a", "flow.template"),
        node("b", "no.such.type"),
        edges=(edge("e1", "a", "b"), edge("e2", "b", "a", ("nowhere", "nothing"))),
    )
    workflow = services.workflow_create(
        workspace_id=project.workspace_id, project_id=project.id, name="Loop", graph=loop, actor_id=None
    )
    document, seq = services.workflow_document(workflow)
    assert seq == 4
    assert document["edges"] == loop["edges"]
    assert fold(empty_document(), [row.op for row in rows(workflow)]) == document


def test_an_edge_without_its_node_is_refused_with_its_place(project: Project) -> None:
    with pytest.raises(services.GraphRefused) as refused:
        services.workflow_create(
            workspace_id=project.workspace_id,
            project_id=project.id,
            name="Loose",
            graph=graph(node("a"), edges=(edge("e1", "a", "ghost"),)),
            actor_id=None,
        )
    assert refused.value.errors[0]["node"] == "ghost"
    assert "e1" in refused.value.detail


def test_replacing_keeps_what_others_changed_elsewhere(workflow: Workflow) -> None:
    replace(workflow, 0, graph(node("a", params={"text": "1", "other": "x"}), node("b")))
    apply(workflow, put(1, "a", "other", "theirs"), add(2, "c"))
    answer = replace(workflow, 2, graph(node("a", params={"text": "mine", "other": "x"}), node("b"), node("d")))
    document, seq = services.workflow_document(workflow)
    assert answer.seq == seq == 6
    assert {n["id"]: n["params"] for n in document["nodes"]} == {
        "a": {"text": "mine", "other": "theirs"},
        "b": {},
        "c": {},
        "d": {},
    }


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ([put(1, "a", "text", "theirs")], graph(node("a", params={"text": "mine"}), node("b"))),
        ([{"client_seq": 1, "op": "remove_node", "id": "a"}], graph(node("a", params={"text": "mine"}), node("b"))),
        ([put(1, "a", "text", "theirs")], graph(node("b"))),
        (
            [{"client_seq": 1, "op": "remove_node", "id": "b"}],
            graph(node("a"), node("b"), edges=(edge("e", "a", "b"),)),
        ),
        ([{"client_seq": 1, "op": "add_edge", "edge": edge("e", "a", "b")}], graph(node("a"))),
        ([add(1, "c", title="theirs")], graph(node("a"), node("b"), node("c", title="mine"))),
    ],
)
def test_replacing_what_others_changed_is_a_conflict_that_says_what(
    workflow: Workflow, theirs: list[Any], mine: Any
) -> None:
    replace(workflow, 0, graph(node("a"), node("b")))
    apply(workflow, add(99, "unrelated"))
    apply(workflow, *theirs)
    with pytest.raises(services.GraphConflict) as conflict:
        replace(workflow, 2, mine)
    assert [row.seq for row in conflict.value.rows] == [4]
    assert conflict.value.last_seq == 4
    assert services.workflow_document(workflow)[1] == 4


def test_what_both_did_alike_or_undid_is_no_conflict(workflow: Workflow) -> None:
    replace(workflow, 0, graph(node("a"), node("b")))
    apply(workflow, put(1, "a", "text", "same"), put(2, "b", "text", "x"))
    apply(workflow, {"client_seq": 3, "op": "set", "id": "b", "path": ["params", "text"]})
    replace(workflow, 2, graph(node("a", params={"text": "same"}), node("b", params={"text": "mine"})))
    document, _ = services.workflow_document(workflow)
    assert [n["params"] for n in document["nodes"]] == [{"text": "same"}, {"text": "mine"}]


@pytest.mark.parametrize("base_seq", [-1, 1, 10**12])
def test_a_base_that_never_was_is_refused(workflow: Workflow, base_seq: int) -> None:
    with pytest.raises(services.BaseSeqUnknown):
        replace(workflow, base_seq, graph())


def test_versions_are_points_of_the_log_that_never_change(workflow: Workflow) -> None:
    apply(workflow, add(1, "a"))
    one = versions.version_create(workflow=workflow, actor_id=None, name="First")
    apply(workflow, add(2, "b"))
    two = versions.version_create(workflow=workflow, actor_id=None)
    assert (one.number, one.seq, two.number, two.seq) == (1, 1, 2, 2)
    versions.version_publish(workflow=workflow, number=1)
    workflow.refresh_from_db()
    assert workflow.published_version == 1
    one.refresh_from_db()
    assert [n["id"] for n in one.document["nodes"]] == ["a"]
    assert document_at(workflow, 2) == two.document


def test_a_copy_has_the_graph_and_a_history_of_its_own(workflow: Workflow) -> None:
    apply(workflow, add(1, "a"), put(2, "a", "text", "x"))
    copy = services.workflow_duplicate(workflow=workflow, actor_id=None)
    assert services.workflow_document(copy) == (services.workflow_document(workflow)[0], 1)
    assert copy.name == "Copy of Flow"


def test_what_is_in_the_trash_takes_no_changes(workflow: Workflow, project: Project) -> None:
    services.project_trash(project=project)
    with pytest.raises(services.WorkflowGone):
        apply(workflow, add(1, "a"))
    services.project_restore(project=project)
    services.workflow_trash(workflow=workflow)
    with pytest.raises(services.WorkflowGone):
        replace(workflow, 0, graph())
    services.workflow_restore(workflow=workflow)
    assert apply(workflow, add(1, "a")).seq == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_has_1_to_100_characters(workspace: Workspace, name: str) -> None:
    with pytest.raises(services.NameInvalid):
        services.project_create(workspace_id=workspace.id, name=name, actor_id=None)


def test_without_a_scope_there_is_no_reading(workflow: Workflow) -> None:
    with pytest.raises(ScopeError):
        Workflow.objects.count()


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_a_workflow_in_a_foreign_project(project: Project, foreign_workspace: Workspace) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Workflow.objects.for_workspace(foreign_workspace.id).create(
            workspace_id=foreign_workspace.id, project=project, name="Stray"
        )


@pytest.mark.django_db(transaction=True)
def test_clients_at_once_share_one_gapless_log(workspace: Workspace, alice: User) -> None:
    project = services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    workflow = services.workflow_create(
        workspace_id=workspace.id, project_id=project.id, name="Flow", graph=graph(node("a")), actor_id=alice.id
    )
    errors: list[Exception] = []

    def edit(client: str) -> None:
        try:
            for n in range(1, 26):
                ops = [put(n, "a", client, n), add(100 + n, f"{client}.{n}")]
                for _ in range(2):  # each request is sent twice, as after a lost answer
                    apply(workflow, *ops, client=client)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=edit, args=(f"c{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    log = rows(workflow)
    assert [row.seq for row in log] == list(range(1, 1 + 1 + 4 * 25 * 2))
    document, seq = services.workflow_document(workflow)
    assert seq == 201
    assert document == fold(empty_document(), [row.op for row in log])
    assert document["nodes"][0]["params"] == {f"c{k}": 25 for k in range(4)}
    for k in range(4):
        own = [row.client_seq for row in log if row.client_id == f"c{k}" and row.op["op"] == "set"]
        assert own == sorted(own)
