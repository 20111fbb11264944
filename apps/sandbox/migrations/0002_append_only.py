"""The submission log can only grow: the database refuses to change or delete a row, whoever asks."""

from __future__ import annotations

from django.db import migrations

FORWARDS = """
CREATE FUNCTION sandbox_submission_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'sandbox_submission is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER sandbox_submission_keep BEFORE UPDATE OR DELETE ON sandbox_submission
    FOR EACH ROW EXECUTE FUNCTION sandbox_submission_keep();
"""
BACKWARDS = """
DROP TRIGGER sandbox_submission_keep ON sandbox_submission;
DROP FUNCTION sandbox_submission_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
