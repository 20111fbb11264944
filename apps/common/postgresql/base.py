from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg_pool import ConnectionPool

from apps.common import tenancy
from apps.common.postgresql.walls import meets

# After this long in the pool a connection is asked whether it still works: a network may lose one without a word.
QUIET_S = 2.0


class Session(psycopg.Connection[Any]):
    """A connection that remembers what its session was told, whoever borrows it."""

    # The scope that the setting names now; None: not known. A new session's is empty.
    told: str | None = ""
    idle_since = 0.0


def _works(session: Session) -> None:
    """Before a connection leaves the pool: raises when it is dead.

    A server that goes away closes its sockets, and an idle connection whose socket has something to read was either
    closed or sent a notice. So a look at the socket, without a round trip, tells the sound ones.
    """
    if monotonic() - session.idle_since > QUIET_S or _has_word(session):
        try:
            ConnectionPool.check_connection(session)
        except psycopg.Error:
            # Whoever asks waits 1, 2, 4 s after each dead one that it is given: the others are replaced now, so that
            # after a restart nobody waits for more than one.
            pool: Any = session._pool
            pool.check()
            raise


def _has_word(session: Session) -> bool:
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN | select.POLLPRI | select.POLLRDHUP)
    return bool(poll.poll(0))


def _scoped(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if meets(sql):
        context["connection"].scope_tell()
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
    """Before a statement about rows behind the wall, the session is told the scope unless it knows.

    What a session was told is remembered on its connection, not here: it outlives the request that told it.
    """

    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    # Django's own; its stubs do not know of them.
    _connection_pools: ClassVar[dict[str, Any]]
    _configure_connection: Callable[[Any], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_scoped)

    @property
    def pool(self) -> Any:
        """As Django makes it, of sessions that remember, with a cheaper look at each that is given out."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            made = ConnectionPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                connection_class=Session,
                open=False,
                configure=self._begin,
                check=_works if self.settings_dict["CONN_HEALTH_CHECKS"] else None,
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)
        return self._connection_pools[self.alias]

    def _begin(self, session: Session) -> None:
        session.idle_since = monotonic()
        self._configure_connection(session)

    def scope_tell(self) -> None:
        """Have the session's setting say what the code's scope says: a round trip where it says something else.

        ScopeError outside of any: the rows would be silently missing.
        """
        wanted = tenancy.scope_text()
        session = self.connection
        if getattr(session, "told", None) == wanted:
            return
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            # Session-wide: most statements are no part of a transaction.
            session.execute(f"SET app.workspace_id = '{wanted}'")
        # A pipeline is a transaction of its own, which may yet fail.
        session.told = wanted if session.pgconn.pipeline_status == PipelineStatus.OFF else None

    def _forget(self) -> None:
        # A setting that was made inside of what is rolled back is what it was before.
        if self.connection is not None:
            self.connection.told = None

    def _rollback(self) -> Any:
        self._forget()
        return super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> Any:
        self._forget()
        return super()._savepoint_rollback(sid)  # type: ignore[misc]

    def _commit(self) -> Any:
        # COMMIT of a transaction that failed unnoticed is a rollback.
        if self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INERROR:
            self._forget()
        try:
            return super()._commit()  # type: ignore[misc]
        except BaseException:
            self._forget()
            raise

    def _close(self) -> Any:
        session = self.connection
        if session is not None:
            session.idle_since = monotonic()
            # The pool rolls back what is open.
            if session.info.transaction_status != TransactionStatus.IDLE:
                self._forget()
        return super()._close()  # type: ignore[misc]
