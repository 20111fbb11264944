"""Count what was charged before spending was told apart: the ledger knows how much, the tape knows who and for what."""

from __future__ import annotations

from django.db import migrations

BEFORE = """
INSERT INTO billing_spending (workspace_id, kind, subject, day, amount, charges)
SELECT line.workspace_id, part.kind, part.subject, (line.created_at AT TIME ZONE 'UTC')::date, sum(entry.amount),
       count(*)
FROM billing_ledgertransaction AS line
JOIN billing_entry AS entry ON entry.transaction_id = line.id AND entry.amount > 0
LEFT JOIN generations_generation AS made ON made.id = line.generation_id
CROSS JOIN LATERAL (VALUES
    ('workspace', ''), ('project', COALESCE(line.project_id::text, '')), ('member', COALESCE(made.actor_id::text, '')),
    ('model', COALESCE(made.model, '')), ('workflow', COALESCE(made.workflow_id::text, '')), ('token', ''),
    ('run', COALESCE(line.run_id::text, ''))
) AS part(kind, subject)
WHERE line.kind = 'capture' AND (part.kind <> 'run' OR part.subject <> '')
GROUP BY 1, 2, 3, 4
ON CONFLICT (workspace_id, kind, subject, day) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("generations", "0017_question_put"), ("billing", "0011_budget_guards")]

    operations = [migrations.RunSQL(BEFORE, migrations.RunSQL.noop)]
