"""What is wrong with how the site is set up, said by ``manage.py check --database default`` and ``migrate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections


def database_role_check(*, databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """A superuser, or a role with BYPASSRLS, sees every row whatever the policies say."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            role, is_free = cursor.fetchone()
        if is_free:
            found.append(
                checks.Warning(
                    f"The role {role} of DATABASE_URL is not bound by row-level security.",
                    hint="Connect as a role that is no superuser and has no BYPASSRLS; it may own the tables.",
                    id="millrace.W001",
                )
            )
    return found
