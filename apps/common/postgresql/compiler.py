"""Statements of querysets run in the scope in which those were made, whenever and wherever they are evaluated."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import compiler as postgres
from django.db.models.sql import compiler as common

from apps.common import tenancy


class _Scoped:
    query: Any

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        """As Django does, in the queryset's own scope."""
        made_in = self._made_in()
        if made_in is None:
            return super().execute_sql(*args, **kwargs)  # type: ignore[misc]
        with tenancy.again(made_in):
            return super().execute_sql(*args, **kwargs)  # type: ignore[misc]

    def _made_in(self) -> object | None:
        query = getattr(self.query, "inner_query", self.query)
        found: object | None = getattr(query, "tenant_scope", None)
        return found


class SQLCompiler(_Scoped, postgres.SQLCompiler):
    pass


class SQLDeleteCompiler(_Scoped, common.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(_Scoped, common.SQLUpdateCompiler):
    pass


class SQLAggregateCompiler(_Scoped, common.SQLAggregateCompiler):
    pass


class SQLInsertCompiler(_Scoped, postgres.SQLInsertCompiler):
    """Rows of a workspace are written in its scope, where no other is open."""

    def _made_in(self) -> object | None:
        if tenancy.is_open() or not self.query.objs:
            return None
        found: object | None = getattr(self.query.objs[0], "workspace_id", None)
        return found
