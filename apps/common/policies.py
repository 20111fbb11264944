"""Row-level security: PostgreSQL shows and takes the rows of the workspace in scope only, whatever a statement asks."""

from __future__ import annotations

from django.db import migrations

_SCOPE = "current_setting('app.workspace_id', true)"
# Each subselect is evaluated once per statement. What is no workspace's id is an error, and nothing is an empty one.
_MINE = f"workspace_id = (SELECT nullif(nullif({_SCOPE}, ''), '*')::uuid)"
_ALL = f"(SELECT {_SCOPE} = '*')"
_ANY = f"(SELECT {_SCOPE} <> '')"


def tenant_policy(table: str, *, shared: bool = False, readable: bool = False) -> migrations.RunSQL:
    """Put ``table`` behind the wall, for its owner too.

    ``shared``: rows of no workspace show in any scope. ``readable``: rows show always, and are written in scope only.
    The app's config says the same to the code (``walled``, ``walled_writes``).
    """
    rule = f"{_MINE} OR {_ALL}" + f" OR (workspace_id IS NULL AND {_ANY})" * shared
    look = f'CREATE POLICY tenant_look ON "{table}" FOR SELECT USING (true);' * readable
    look_undo = f'DROP POLICY tenant_look ON "{table}";' * readable
    return migrations.RunSQL(
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;'
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY;'
        f'CREATE POLICY tenant ON "{table}" USING ({rule}) WITH CHECK ({rule});{look}',
        f'{look_undo}DROP POLICY tenant ON "{table}";'
        f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY;'
        f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY;',
    )
