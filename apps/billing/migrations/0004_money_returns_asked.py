"""What grants were asked for, from their entries: a repeat of an old grant must find the same amount.

The only change that the past will see: the column is new, and what goes in was true from the start.
"""

from __future__ import annotations

from django.db import migrations

ASKED = """
ALTER TABLE billing_ledgertransaction DISABLE TRIGGER billing_transaction_append_only;
UPDATE billing_ledgertransaction AS line SET asked = entry.amount
FROM billing_entry AS entry
WHERE entry.transaction_id = line.id AND entry.seq IS NOT NULL AND line.kind = 'grant' AND line.asked IS NULL;
ALTER TABLE billing_ledgertransaction ENABLE TRIGGER billing_transaction_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_money_returns")]

    operations = [migrations.RunSQL(ASKED, migrations.RunSQL.noop)]
