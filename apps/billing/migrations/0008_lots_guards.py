"""What the database promises about lots: no link across workspaces, no changed past, no wallet's entry without them."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey

APPEND_ONLY = """
CREATE TRIGGER billing_lotentry_append_only BEFORE UPDATE OR DELETE ON billing_lotentry
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
"""
APPEND_ONLY_UNDO = "DROP TRIGGER billing_lotentry_append_only ON billing_lotentry;"

# The trigger of 0002 calls it for each entry at the commit; now it also asks whether the wallet's part is all in lots.
SUM_ZERO = """
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
SUM_ZERO_UNDO = """
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
    dependencies = [("billing", "0007_lots_of_the_past")]

    operations = [
        CompositeForeignKey(model="lot", field="account"),
        CompositeForeignKey(model="lot", field="transaction"),
        CompositeForeignKey(model="lotentry", field="transaction"),
        CompositeForeignKey(model="lotentry", field="lot"),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
        migrations.RunSQL(SUM_ZERO, SUM_ZERO_UNDO),
    ]
