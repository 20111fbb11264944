"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy

# The sums are over all entries of a transaction, whatever scope the commit happens in: of rows that it cannot see it
# would find nothing wrong. (To give the function the setting as its own, `ALTER FUNCTION … SET`, costs more.)
SUM_ZERO = """
CREATE OR REPLACE FUNCTION billing_sum_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    scope text := coalesce(current_setting('app.workspace_id', true), '');
    total numeric;
    parts numeric;
BEGIN
    PERFORM set_config('app.workspace_id', '*', true);
    SELECT sum(amount) INTO total FROM billing_entry WHERE transaction_id = NEW.transaction_id;
    IF NEW.seq IS NOT NULL THEN
        SELECT COALESCE(sum(amount), 0) INTO parts FROM billing_lotentry WHERE transaction_id = NEW.transaction_id;
    END IF;
    PERFORM set_config('app.workspace_id', scope, true);
    IF total IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the entries of transaction % do not sum to zero', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.seq IS NOT NULL AND NEW.amount IS DISTINCT FROM parts THEN
        RAISE EXCEPTION 'the lots of transaction % do not make up its amount', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
SUM_ZERO_UNDO = """
CREATE OR REPLACE FUNCTION billing_sum_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM billing_entry WHERE transaction_id = NEW.transaction_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of transaction % do not sum to zero', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.seq IS NOT NULL AND NEW.amount IS DISTINCT FROM
        (SELECT COALESCE(sum(amount), 0) FROM billing_lotentry WHERE transaction_id = NEW.transaction_id) THEN
        RAISE EXCEPTION 'the lots of transaction % do not make up its amount', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_purchase_guards")]

    operations = [
        migrations.RunSQL(SUM_ZERO, SUM_ZERO_UNDO),
        tenant_policy("billing_account", shared=True),
        tenant_policy("billing_ledgertransaction"),
        tenant_policy("billing_entry"),
        tenant_policy("billing_hold"),
        tenant_policy("billing_budget"),
        tenant_policy("billing_spending"),
        tenant_policy("billing_budgetalert"),
        tenant_policy("billing_lot"),
        tenant_policy("billing_lotentry"),
        tenant_policy("billing_stripecustomer"),
        tenant_policy("billing_purchase"),
        tenant_policy("billing_dispute"),
        tenant_policy("billing_subscription"),
        tenant_policy("billing_topuprule"),
    ]
