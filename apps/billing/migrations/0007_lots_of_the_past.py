"""The lots of wallets that were there before: credits burnt in the order in which they came.

All credits so far were given. Laid end to end they reach as far as the charges, laid end to end, and what overlaps
belongs together.
"""

from __future__ import annotations

from django.db import migrations

LOTS = """
CREATE TEMPORARY TABLE billing_gains ON COMMIT DROP AS
SELECT id, workspace_id, account_id, transaction_id, amount, created_at,
       sum(amount) OVER running - amount AS lower, sum(amount) OVER running AS upper
FROM billing_entry WHERE seq IS NOT NULL AND amount > 0
WINDOW running AS (PARTITION BY account_id ORDER BY seq);

CREATE TEMPORARY TABLE billing_costs ON COMMIT DROP AS
SELECT workspace_id, account_id, transaction_id,
       sum(-amount) OVER running + amount AS lower, sum(-amount) OVER running AS upper
FROM billing_entry WHERE seq IS NOT NULL AND amount < 0
WINDOW running AS (PARTITION BY account_id ORDER BY seq);

INSERT INTO billing_lot (id, workspace_id, account_id, transaction_id, priority, amount, remaining, created_at)
SELECT gains.id, gains.workspace_id, gains.account_id, gains.transaction_id,
       CASE line.kind WHEN 'topup' THEN 3 WHEN 'plan' THEN 2 ELSE 1 END, gains.amount,
       LEAST(gains.amount, GREATEST(0, gains.upper - COALESCE(spent.amount, 0))), gains.created_at
FROM billing_gains AS gains
JOIN billing_ledgertransaction AS line ON line.id = gains.transaction_id
LEFT JOIN (SELECT account_id, max(upper) AS amount FROM billing_costs GROUP BY account_id) AS spent
    ON spent.account_id = gains.account_id;

INSERT INTO billing_lotentry (workspace_id, transaction_id, lot_id, amount)
SELECT workspace_id, transaction_id, id, amount FROM billing_gains
UNION ALL
SELECT costs.workspace_id, costs.transaction_id, gains.id,
       GREATEST(costs.lower, gains.lower) - LEAST(costs.upper, gains.upper)
FROM billing_costs AS costs
JOIN billing_gains AS gains
    ON gains.account_id = costs.account_id AND gains.lower < costs.upper AND costs.lower < gains.upper;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_lots")]

    operations = [migrations.RunSQL(LOTS, migrations.RunSQL.noop)]
