"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy

# The sum is over all entries of a transaction, whatever scope the commit happens in: of rows that it cannot see it would
# find nothing wrong. (To give the function the setting as its own, `ALTER FUNCTION … SET`, takes a superuser.)
SUM = """
CREATE OR REPLACE FUNCTION billing_sum_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    scope text := coalesce(current_setting('app.workspace_id', true), '');
    total numeric;
BEGIN
    PERFORM set_config('app.workspace_id', '*', true);
    SELECT sum(amount) INTO total FROM billing_entry WHERE transaction_id = NEW.transaction_id;
    PERFORM set_config('app.workspace_id', scope, true);
    IF total IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the entries of transaction % do not sum to zero', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
SUM_UNDO = """
CREATE OR REPLACE FUNCTION billing_sum_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM billing_entry WHERE transaction_id = NEW.transaction_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of transaction % do not sum to zero', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_ledger_guards")]

    operations = [
        migrations.RunSQL(SUM, SUM_UNDO),
        tenant_policy("billing_account", shared=True),
        tenant_policy("billing_ledgertransaction"),
        tenant_policy("billing_entry"),
        tenant_policy("billing_hold"),
    ]
