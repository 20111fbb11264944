"""The second wall: what PostgreSQL itself shows and takes, whatever a statement forgets to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from apps.billing.models import Account
from apps.billing.services import credits_grant, credits_hold
from apps.common.ids import uuid7
from apps.common.tenancy import scope, unscoped
from apps.generations.models import Generation
from apps.workspaces.models import DataKey, Workspace
from apps.workspaces.secrets import secret_seal

WALLED = (
    "billing_account",
    "billing_ledgertransaction",
    "billing_entry",
    "billing_hold",
    "assets_asset",
    "assets_blob",
    "generations_generation",
    "generations_generationoutput",
    "generations_providerkey",
    "workspaces_datakey",
)


def rows(statement: str, values: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


@pytest.fixture
def two(workspace: Workspace, foreign_workspace: Workspace) -> tuple[UUID, UUID]:
    """Two workspaces with money and secrets."""
    for place in (workspace, foreign_workspace):
        credits_grant(workspace_id=place.id, amount=10, reason="Gift", source="test", source_id=str(place.id))
        credits_hold(workspace_id=place.id, hold_id=uuid7(), amount=1, description="x")
        secret_seal(workspace_id=place.id, secret_id=uuid7(), plain="secret")
    return workspace.id, foreign_workspace.id


FILLED = ("billing_account", "billing_ledgertransaction", "billing_entry", "billing_hold", "workspaces_datakey")


@pytest.mark.django_db
def test_the_wall_stands_around_every_such_table_for_its_owner_too() -> None:
    found = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert {name for (name,) in found} == set(WALLED)
    (role,) = rows("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    assert role == (False,), "a role that no policy binds"


@pytest.mark.django_db
@pytest.mark.parametrize("table", FILLED)
def test_raw_statements_meet_their_own_workspace_only(table: str, two: tuple[UUID, UUID]) -> None:
    mine, theirs = two
    count = f"SELECT count(*) FROM {table} WHERE workspace_id IN (%s, %s)"
    assert rows(count, [mine, theirs]) == [(0,)], "no scope, no rows"
    with scope(mine):
        (seen,) = rows(f"SELECT array_agg(DISTINCT workspace_id) FROM {table} WHERE workspace_id IS NOT NULL")
        assert seen == ([mine],)
        assert rows(count, [theirs, theirs]) == [(0,)]
        assert rows(f"UPDATE {table} SET workspace_id = workspace_id WHERE workspace_id = %s", [theirs]) == [0]
        assert rows(f"DELETE FROM {table} WHERE workspace_id = %s", [theirs]) == [0]
    with unscoped("a test looks at both"):
        (seen,) = rows(f"SELECT count(DISTINCT workspace_id) FROM {table}")
        assert seen == (2,)
    assert rows(f"DELETE FROM {table}") == [0], "no scope again"


@pytest.mark.django_db
@pytest.mark.parametrize("table", WALLED)
@pytest.mark.parametrize("inside", ["nothing", "another"])
def test_no_row_is_written_from_outside(
    table: str, inside: str, workspace: Workspace, foreign_workspace: Workspace
) -> None:
    model = next(model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table)
    columns = [str(field.column) for field in model._meta.concrete_fields]
    # Each column a value of its own type: the policy is asked before the constraints are.
    row = f"jsonb_populate_record(NULL::{table}, jsonb_build_object('workspace_id', %s::text))"
    insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {row}"

    def attempt() -> None:
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            rows(insert, [str(workspace.id)])

    if inside == "nothing":
        attempt()
    else:
        with scope(foreign_workspace.id):
            attempt()


@pytest.mark.django_db
def test_what_was_asked_in_a_scope_is_answered_in_it(two: tuple[UUID, UUID]) -> None:
    mine, _theirs = two
    wallets = Account.objects.for_workspace(mine).filter(kind="wallet")
    assert wallets.get().workspace_id == mine
    assert [wallet.workspace_id for wallet in wallets.iterator()] == [mine]
    with scope(mine):
        later = DataKey.objects.all()
    assert later.count() == 1
    assert later.exists()
    assert Generation.objects.for_workspace(mine).count() == 0


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_believed(two: tuple[UUID, UUID]) -> None:
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
    assert rows(seen) == []


@pytest.fixture
def kept_apart(transactional_db: None) -> Iterator[tuple[UUID, UUID]]:
    made = [Workspace.objects.create(slug=slug, name=slug) for slug in ("one", "two")]
    for place in made:
        credits_grant(workspace_id=place.id, amount=10, reason="Gift", source="test", source_id=str(place.id))
    yield made[0].id, made[1].id


def test_a_connection_comes_from_the_pool_without_a_scope(kept_apart: tuple[UUID, UUID]) -> None:
    mine, _theirs = kept_apart
    with scope(mine):
        assert rows("SELECT count(DISTINCT workspace_id) FROM billing_entry") == [(1,)]
        (before,) = rows("SELECT pg_backend_pid()")
    # As at the end of a request: the session's setting is still there when it goes back.
    connection.close()
    for _attempt in range(50):
        connection.ensure_connection()
        # Past every one of our own statements: as whoever borrows the connection finds it.
        found = connection.connection.execute("SELECT pg_backend_pid(), count(*) FROM billing_entry").fetchone()
        connection.close()
        assert found[1] == 0
        if found[0] == before[0]:
            return
    pytest.fail("the pool never gave that connection out again")


@pytest.mark.django_db
def test_a_setting_that_is_no_workspace_is_an_error(two: tuple[UUID, UUID]) -> None:
    with pytest.raises(Exception, match="invalid input syntax for type uuid"), transaction.atomic():
        rows("SELECT set_config('app.workspace_id', 'nonsense', true)")
        rows("SELECT * FROM billing_entry")
