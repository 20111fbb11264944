from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor
from psycopg_pool import ConnectionPool

from apps.common import tenancy

# The same words as in the policies. Session-wide: statements outside of a transaction need it too.
SET_SCOPE = "SELECT set_config('app.workspace_id', %s, false)"
_NOTHING = ""


def _fresh(connection: psycopg.Connection[Any]) -> None:
    """The look at a connection that the pool gives out, one round trip as the usual one: it leaves with no scope."""
    connection.execute("SELECT set_config('app.workspace_id', '', false)")


def _scoped(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    context["connection"].scope_apply()
    return execute(sql, params, many, context)


class DatabaseOperations(PostgresOperations):
    compiler_module = "apps.common.postgresql.compiler"


class DatabaseSchemaEditor(PostgresSchemaEditor):
    """Migrations change the rows of every workspace."""

    def __enter__(self) -> Any:
        self._unscoped = tenancy.unscoped("a migration changes the rows of every workspace")
        self._unscoped.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._unscoped.__exit__(*error)


class DatabaseWrapper(base.DatabaseWrapper):
    """Before a statement the scope of the code that sends it is made the connection's, unless it is that already."""

    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    # Django's own; its stubs do not know of them.
    _connection_pools: ClassVar[dict[str, Any]]
    _configure_connection: Callable[[Any], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the session's setting is; None: not known.
        self._scope: str | None = None
        self.execute_wrappers.append(_scoped)

    @property
    def pool(self) -> Any:
        """As Django makes it, with a look at each connection that also takes its scope away."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            made = ConnectionPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=self._configure_connection,
                check=_fresh,
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)
        return self._connection_pools[self.alias]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection without a scope."""
        connection = super().get_new_connection(conn_params)
        self._scope = _NOTHING if self.pool else None
        return connection

    def scope_apply(self) -> None:
        """Have the session's setting say what the code's scope says. Costs a round trip where that has changed."""
        wanted = tenancy.scope_text()
        if wanted == self._scope:
            return
        self.validate_no_broken_transaction()
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(SET_SCOPE, [wanted])
        self._scope = wanted

    def scope_known(self, value: str) -> None:
        """A statement has set the setting itself."""
        self._scope = value

    def _rollback(self) -> Any:
        # A setting that was made inside of what is rolled back is what it was before.
        self._scope = None
        return super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> Any:
        # In a transaction that failed nothing else is taken before this: no look at the scope now, but at the next one.
        self._scope = tenancy.scope_text()
        try:
            return super()._savepoint_rollback(sid)  # type: ignore[misc]
        finally:
            self._scope = None
