"""The second wall: what PostgreSQL itself shows and takes, whatever a statement forgets to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.db import ProgrammingError, connection, connections, transaction
from django.db.models import Model, Sum
from django.test import Client

from apps.billing.models import Account, Entry, Hold
from apps.billing.services import credits_grant, credits_hold
from apps.common.checks import database_role_check
from apps.common.ids import uuid7
from apps.common.postgresql.walls import meets, walled_models
from apps.common.tenancy import ScopeError, scope, unscoped
from apps.generations.models import Generation
from apps.workspaces.models import DataKey, Workspace
from apps.workspaces.secrets import secret_seal

WALLED = {model._meta.db_table: model for model in walled_models()}
READABLE = {model._meta.db_table: model for model in walled_models("walled_writes")}
# What names a workspace and has no policy, with the reason.
OUTSIDE = {
    "runs": "a run's statements are counted in tenths of milliseconds; what they pay and make is behind the wall",
    "projects": "the graphs that runs are made of",
    "workspaces": "who is where: read before a workspace is known (the log has guards of its own)",
}
# The tape's index, whose operator is not leakproof: what it finds are ids of rows behind the wall.
INDEX = {"generations.SearchWindow", "generations.SearchRow"}


def rows(statement: str, values: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def told(text: str) -> None:
    """As if the code had told the session this, past every statement of our own."""
    connection.ensure_connection()
    connection.connection.execute(f"SET app.workspace_id = '{text}'")
    connection.connection.told = None


def past(statement: str, values: list[Any] | None = None) -> list[Any]:
    """A statement past our backend: the session is told nothing."""
    cursor = connection.connection.execute(statement, values)
    return cursor.fetchall() if cursor.description else [cursor.rowcount]


@pytest.fixture
def two(workspace: Workspace, foreign_workspace: Workspace) -> tuple[UUID, UUID]:
    """Two workspaces with money and secrets."""
    for place in (workspace, foreign_workspace):
        credits_grant(workspace_id=place.id, amount=10, reason="Gift", source="test", source_id=str(place.id))
        credits_hold(workspace_id=place.id, hold_id=uuid7(), amount=1, description="x")
        secret_seal(workspace_id=place.id, secret_id=uuid7(), plain="secret")
    return workspace.id, foreign_workspace.id


FILLED = ("billing_account", "billing_ledgertransaction", "billing_entry", "billing_hold", "billing_lot",
          "billing_lotentry", "workspaces_datakey")  # fmt: skip


@pytest.mark.django_db
def test_the_wall_stands_around_every_such_table_for_its_owner_too() -> None:
    found = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert {name for (name,) in found} == {*WALLED, *READABLE}
    policies = rows("SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2")
    # One rule for all, so that what is shown below of some holds for each. Accounts of no workspace show in any scope.
    mine = {(command, use, check) for table, name, command, use, check in policies if name == "tenant"}
    (rule, shared) = sorted(mine, key=lambda one: len(one[1]))
    assert [table for table, _name, *one in policies if tuple(one) == shared] == ["billing_account"]
    assert rule[0] == "ALL"
    assert rule[1] == rule[2]
    assert {table for table, name, *_one in policies if name == "tenant"} == {*WALLED, *READABLE}
    assert [one for one in policies if one[1] != "tenant"] == [
        (table, "tenant_look", "SELECT", "true", None) for table in sorted(READABLE)
    ]
    (role,) = rows("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    assert role == (False,), "a role that no policy binds"


def test_a_new_table_of_a_workspace_is_behind_the_wall_or_says_why_not() -> None:
    def names_workspace(model: type[Model]) -> bool:
        return any(field.column == "workspace_id" for field in model._meta.concrete_fields)

    outside = {
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if names_workspace(model) and model._meta.db_table not in {*WALLED, *READABLE}
    }
    assert {label for label in outside if label.partition(".")[0] not in OUTSIDE} == INDEX


@pytest.mark.django_db
@pytest.mark.parametrize("table", FILLED)
def test_raw_statements_meet_their_own_workspace_only(table: str, two: tuple[UUID, UUID]) -> None:
    mine, theirs = two
    count = f"SELECT count(*) FROM {table} WHERE workspace_id IN (%s, %s)"
    with scope(mine):
        (seen,) = rows(f"SELECT array_agg(DISTINCT workspace_id) FROM {table} WHERE workspace_id IS NOT NULL")
        assert seen == ([mine],)
        assert rows(count, [theirs, theirs]) == [(0,)]
        assert rows(f"UPDATE {table} SET workspace_id = workspace_id WHERE workspace_id = %s", [theirs]) == [0]
        assert rows(f"DELETE FROM {table} WHERE workspace_id = %s", [theirs]) == [0]
    with unscoped("a test looks at both"):
        (seen,) = rows(f"SELECT count(DISTINCT workspace_id) FROM {table}")
        assert seen == (2,)
    with pytest.raises(ScopeError):
        rows(count, [mine, theirs])
    told("")
    assert past(count, [mine, theirs]) == [(0,)], "no scope, no rows"
    assert past(f"DELETE FROM {table}") == [0]


@pytest.mark.django_db
@pytest.mark.parametrize("table", sorted({*WALLED, *READABLE}))
def test_no_row_is_written_from_outside(table: str, workspace: Workspace, foreign_workspace: Workspace) -> None:
    model = (WALLED | READABLE)[table]
    columns = [f'"{field.column}"' for field in model._meta.concrete_fields if not field.generated]
    # Each column a value of its own type: the policy is asked before the constraints are.
    row = f"jsonb_populate_record(NULL::{table}, jsonb_build_object('workspace_id', %s::text))"
    insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {row}"
    assert meets(insert)

    with scope(foreign_workspace.id):
        for _again in range(2):
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                rows(insert, [str(workspace.id)])
    with pytest.raises(ScopeError):
        rows(insert, [str(workspace.id)])
    told("")
    with pytest.raises(Exception, match="row-level security"), transaction.atomic():
        past(insert, [str(workspace.id)])
    with unscoped("past the policies, to the constraints"), pytest.raises(Exception) as refused, transaction.atomic():
        rows(insert, [str(workspace.id)])
    assert "row-level security" not in str(refused.value)


@pytest.mark.django_db
def test_tokens_are_found_before_a_workspace_is_known_and_written_in_it_only(
    api: Callable[..., Client], workspace: Workspace, foreign_workspace: Workspace
) -> None:
    assert api().get("/api/v1/me").status_code == 200
    assert rows("SELECT workspace_id FROM workspaces_apitoken") == [(workspace.id,)]
    rename = "UPDATE workspaces_apitoken SET name = 'x'"
    with scope(foreign_workspace.id):
        assert rows(rename) == [0]
        assert rows("SELECT id FROM workspaces_apitoken FOR NO KEY UPDATE") == []
    with scope(workspace.id):
        assert rows(rename) == [1]
    with pytest.raises(ScopeError):
        rows(rename)


@pytest.mark.django_db
def test_what_was_asked_in_a_scope_is_answered_in_it(two: tuple[UUID, UUID]) -> None:
    """Whenever it is evaluated, and whatever scope is open by then."""
    mine, theirs = two
    wallets = Account.objects.for_workspace(mine).filter(kind="wallet")
    with scope(mine):
        later = DataKey.objects.all()
    with unscoped("both"):
        both = Hold.objects.order_by("id")
    assert wallets.get().workspace_id == mine
    assert [wallet.workspace_id for wallet in wallets.iterator()] == [mine]
    assert later.count() == 1
    assert later.exists()
    assert Generation.objects.for_workspace(mine).count() == 0
    with scope(theirs):
        assert wallets.aggregate(posted=Sum("posted")) == {"posted": 10}
        assert len(both) == 2
        assert Entry.objects.filter(workspace_id=mine).count() == 0


@pytest.mark.django_db
def test_what_a_row_leads_to_needs_no_scope(two: tuple[UUID, UUID]) -> None:
    mine, _theirs = two
    hold = Hold.objects.for_workspace(mine).get()
    assert hold.account.kind == "wallet"
    hold.refresh_from_db()
    hold.description = "y"
    hold.save(update_fields=["description"])
    (again,) = Hold.objects.for_workspace(mine).prefetch_related("account")
    assert (again.description, again.account.workspace_id) == ("y", mine)
    assert Hold.objects.for_workspace(mine).filter(id=hold.id).delete()[0] == 1


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_believed(two: tuple[UUID, UUID]) -> None:
    """Of a savepoint, by an error or on purpose."""
    mine, theirs = two
    seen = "SELECT DISTINCT workspace_id FROM billing_entry"
    with scope(mine):
        with pytest.raises(ProgrammingError), transaction.atomic(), scope(theirs):
            assert rows(seen) == [(theirs,)]
            rows("SELECT nonsense")
        assert rows(seen) == [(mine,)]
        with transaction.atomic(), scope(theirs):
            assert rows(seen) == [(theirs,)]
            transaction.set_rollback(True)
        assert rows(seen) == [(mine,)]


@pytest.fixture
def kept_apart(transactional_db: None) -> Iterator[tuple[UUID, UUID]]:
    made = [Workspace.objects.create(slug=slug, name=slug) for slug in ("one", "two")]
    for place in made:
        credits_grant(workspace_id=place.id, amount=10, reason="Gift", source="test", source_id=str(place.id))
    yield made[0].id, made[1].id


def test_a_whole_transaction_that_is_rolled_back_takes_its_scope_along(kept_apart: tuple[UUID, UUID]) -> None:
    mine, theirs = kept_apart
    seen = "SELECT DISTINCT workspace_id FROM billing_entry"
    with scope(mine):
        assert rows(seen) == [(mine,)]
        with transaction.atomic(), scope(theirs):
            assert rows(seen) == [(theirs,)]
            transaction.set_rollback(True)
        # The session says "mine" again; that it is told so once more costs little.
        assert rows(seen) == [(mine,)]
    with scope(theirs):
        assert rows(seen) == [(theirs,)]
        # COMMIT of what failed unnoticed is a rollback too.
        with transaction.atomic(), scope(mine):
            assert rows(seen) == [(mine,)]
            with pytest.raises(Exception, match="nonsense"):
                connection.connection.execute("SELECT nonsense")
        assert rows(seen) == [(theirs,)]


def test_a_borrower_meets_the_scope_of_its_own_not_the_last_one(kept_apart: tuple[UUID, UUID]) -> None:
    mine, theirs = kept_apart
    seen = "SELECT pg_backend_pid(), workspace_id FROM billing_hold RIGHT JOIN billing_account USING (workspace_id)"
    found = {}
    for place in (mine, theirs, mine):
        with scope(place):
            found[place] = {row for row in rows(seen) if row[1]}
            assert {row[1] for row in found[place]} <= {place, None}
        connection.close()
    with pytest.raises(ScopeError):
        rows(seen)


def test_a_transaction_that_the_pool_rolls_back_takes_its_scope_along(kept_apart: tuple[UUID, UUID]) -> None:
    mine, theirs = kept_apart
    with scope(mine):
        rows("SELECT 1 FROM billing_entry")
    connection.set_autocommit(False)
    with scope(theirs):
        rows("SELECT 1 FROM billing_entry")
    session = connection.connection
    connection.close()
    assert session.told is None


def test_what_is_told_in_a_pipeline_counts_only_for_its_statement(kept_apart: tuple[UUID, UUID]) -> None:
    """A pipeline is a transaction, whose end nobody tells us."""
    mine, theirs = kept_apart
    seen = "SELECT DISTINCT workspace_id FROM billing_entry"
    with scope(theirs):
        assert rows(seen) == [(theirs,)]
    with scope(mine):
        with pytest.raises(Exception, match="nonsense"), connection.connection.pipeline():
            connection.cursor().execute(seen)
            connection.connection.execute("SELECT nonsense")
        assert rows(seen) == [(mine,)]


def test_runs_are_told_nothing() -> None:
    assert not meets("UPDATE runs_run SET seq = %s WHERE id = %s")
    assert not meets("SELECT datasets_chosen FROM datasets_chosen")
    assert meets('SELECT "generations_generation"."id" FROM "generations_generation"')
    assert meets("SELECT generations_search_rebuild(%s)")


def test_dead_connections_are_replaced_when_they_are_given_out(kept_apart: tuple[UUID, UUID]) -> None:
    """As after a restart of PostgreSQL: nobody meets one, though none of them has lain for long."""
    mine, _theirs = kept_apart
    (before,) = rows("SELECT pg_backend_pid()")
    connection.close()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1
    other.close()
    for _request in range(4):
        with scope(mine):
            assert rows("SELECT count(DISTINCT workspace_id) FROM billing_entry") == [(1,)]
            assert rows("SELECT pg_backend_pid()") != [before]
        connection.close()


@pytest.mark.django_db
def test_an_id_as_text_is_that_workspace_and_other_text_is_none(two: tuple[UUID, UUID]) -> None:
    mine, _theirs = two
    with scope(str(mine)):  # type: ignore[arg-type]
        assert Hold.objects.get().workspace_id == mine
        assert rows("SELECT DISTINCT workspace_id FROM billing_hold") == [(mine,)]
    with scope("*"), pytest.raises(ValueError, match="UUID"):  # type: ignore[arg-type]
        rows("SELECT 1 FROM billing_hold")


@pytest.mark.django_db
def test_a_setting_that_is_no_workspace_is_an_error(two: tuple[UUID, UUID]) -> None:
    told("nonsense")
    with pytest.raises(Exception, match="invalid input syntax for type uuid"), transaction.atomic():
        past("SELECT * FROM billing_entry")


@pytest.mark.django_db
def test_a_role_that_no_policy_binds_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one for one in run_checks(databases=["default"]) if one.id == "millrace.W001"] == []

    class Cursor:
        def __enter__(self) -> Cursor:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, _sql: str) -> None: ...

        def fetchone(self) -> tuple[str, bool]:
            return "postgres", True

    monkeypatch.setattr(connections["default"], "cursor", Cursor)
    (warning,) = database_role_check(databases=["default"])
    assert warning.id == "millrace.W001"
    assert "postgres" in warning.msg


def test_many_dead_connections_cost_whoever_asks_one_wait(kept_apart: tuple[UUID, UUID]) -> None:
    """The pool's own patience would double after each: with six of them it is over before a sound one comes."""
    mine, _theirs = kept_apart
    held = [connections.create_connection("default") for _ in range(6)]
    for one in held:
        one.ensure_connection()
    connection.close()
    with held[0].cursor() as cursor:
        for one in held[1:]:
            pid = one.connection.info.backend_pid
            one.close()
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    held[0].connection.close()
    held[0].close()
    with scope(mine):
        assert rows("SELECT count(DISTINCT workspace_id) FROM billing_entry") == [(1,)]
