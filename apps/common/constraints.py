"""Composite foreign keys between tenant tables: PostgreSQL itself refuses a link across workspaces."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CompositeForeignKey(Operation):
    """Add ``UNIQUE (workspace_id, id)`` on the parent and ``FOREIGN KEY (workspace_id, x_id)`` on the child.

    ``model`` is the child's model name within the migration's app, ``field`` its foreign key. The plain foreign key
    that Django made stays; this one adds the tenant to it. Parent deletion is Django's (the collector), so NO ACTION,
    deferred to the commit.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, model: str, field: str) -> None:
        self.model = model
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """How the migration writer spells this operation."""
        return (self.__class__.__name__, [], {"model": self.model, "field": self.field})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Constraints of two columns are not part of Django's model state."""

    def _names(self, app_label: str, state: ProjectState) -> tuple[str, str, str]:
        child = state.apps.get_model(app_label, self.model)
        column = child._meta.get_field(self.field)
        parent = column.related_model
        return child._meta.db_table, column.column, parent._meta.db_table

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Create both constraints; the parent's is shared and made once."""
        child, column, parent = self._names(app_label, to_state)
        schema_editor.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{parent}_tenant" ON "{parent}" (workspace_id, id)')
        schema_editor.execute(
            f'ALTER TABLE "{child}" ADD CONSTRAINT "{child}_{column}_tenant" FOREIGN KEY (workspace_id, "{column}") '
            f'REFERENCES "{parent}" (workspace_id, id) DEFERRABLE INITIALLY DEFERRED'
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Drop the child's constraint; the parent's index stays for the others."""
        child, column, _ = self._names(app_label, from_state)
        schema_editor.execute(f'ALTER TABLE "{child}" DROP CONSTRAINT IF EXISTS "{child}_{column}_tenant"')

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Composite tenant key on {self.model}.{self.field}"
