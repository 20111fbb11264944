"""What the ledger promises, kept by the database: no changed entries, no sum but zero, no link across workspaces."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey

APPEND_ONLY = """
CREATE FUNCTION billing_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it with a new transaction', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER billing_entry_append_only BEFORE UPDATE OR DELETE ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER billing_transaction_append_only BEFORE UPDATE OR DELETE ON billing_ledgertransaction
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
"""

APPEND_ONLY_UNDO = """
DROP TRIGGER billing_entry_append_only ON billing_entry;
DROP TRIGGER billing_transaction_append_only ON billing_ledgertransaction;
DROP FUNCTION billing_append_only();
"""

SUM_ZERO = """
CREATE FUNCTION billing_sum_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM billing_entry WHERE transaction_id = NEW.transaction_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of transaction % do not sum to zero', NEW.transaction_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_entry_sum_zero AFTER INSERT ON billing_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_sum_zero();
"""

SUM_ZERO_UNDO = """
DROP TRIGGER billing_entry_sum_zero ON billing_entry;
DROP FUNCTION billing_sum_zero();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        CompositeForeignKey(model="hold", field="account"),
        CompositeForeignKey(model="hold", field="parent"),
        CompositeForeignKey(model="entry", field="transaction"),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
        migrations.RunSQL(SUM_ZERO, SUM_ZERO_UNDO),
    ]
