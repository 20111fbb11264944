"""What was spent, by whom and for what, per day: kept with each capture, in its transaction and under its lock."""

from __future__ import annotations

from typing import Any

from apps.billing.models import Hold
from apps.common.statements import prepared
from apps.common.tenancy import scope_or_unscoped

# One row per kind; "" where the capture belongs to none. The wallet's lock puts captures of a workspace in a row, so
# these updates never wait for one another.
_ADD = """
INSERT INTO billing_spending (workspace_id, kind, subject, day, amount, charges)
SELECT %(workspace)s, part.kind, part.subject, (%(at)s AT TIME ZONE 'UTC')::date, %(amount)s, 1
FROM (VALUES ('workspace', ''), ('project', %(project)s), ('member', %(actor)s), ('model', %(model)s),
             ('workflow', %(workflow)s), ('token', %(token)s), ('run', %(run)s)) AS part(kind, subject)
WHERE part.kind <> 'run' OR part.subject <> ''
ON CONFLICT (workspace_id, kind, subject, day)
DO UPDATE SET amount = billing_spending.amount + excluded.amount, charges = billing_spending.charges + 1
"""


def add(hold: Hold) -> None:
    """Count a capture that was just made."""
    ids = {
        "project": hold.project_id,
        "actor": hold.actor_id,
        "workflow": hold.workflow_id,
        "token": hold.token_id,
        "run": hold.run_id,
    }
    values: dict[str, Any] = {name: str(value) if value else "" for name, value in ids.items()}
    values |= {"workspace": hold.workspace_id, "at": hold.settled_at, "amount": hold.captured, "model": hold.model}
    # In the scope of the capture, whichever: to tell another one would be a round trip under the wallet's lock.
    with scope_or_unscoped("the row names its workspace"), prepared() as cursor:
        cursor.execute(_ADD, values)
