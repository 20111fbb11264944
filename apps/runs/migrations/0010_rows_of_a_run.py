"""The key from steps and events to their run, checked once per statement instead of once per row.

A batch of the journal writes hundreds of rows of one run; a foreign key looks the run up for each of them, which was a
quarter of the statement's time. These triggers promise the same: rows name a run of their own workspace, they do not
move to another, and a run does not go without them.
"""

from __future__ import annotations

from django.db import migrations

TABLES = ("runs_step", "runs_runevent")

FUNCTIONS = """
CREATE FUNCTION runs_rows_have_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT workspace_id, run_id FROM written) AS child
        WHERE NOT EXISTS (
            SELECT FROM runs_run AS run
            WHERE run.workspace_id = child.workspace_id AND run.id = child.run_id FOR KEY SHARE
        )
    ) THEN
        RAISE EXCEPTION 'a row of % names a run that its workspace does not have', TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION runs_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % cannot move to another run or workspace', TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation';
END $$;
CREATE FUNCTION runs_run_takes_its_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM runs_step WHERE run_id = OLD.id) OR EXISTS (SELECT FROM runs_runevent WHERE run_id = OLD.id)
    THEN
        RAISE EXCEPTION 'run % still has rows', OLD.id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER runs_run_takes_its_rows AFTER DELETE ON runs_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runs_run_takes_its_rows();
CREATE TRIGGER runs_run_stays BEFORE UPDATE OF id, workspace_id ON runs_run FOR EACH ROW
    WHEN ((OLD.id, OLD.workspace_id) IS DISTINCT FROM (NEW.id, NEW.workspace_id)) EXECUTE FUNCTION runs_rows_stay();
"""
FUNCTIONS_UNDO = """
DROP TRIGGER runs_run_stays ON runs_run;
DROP TRIGGER runs_run_takes_its_rows ON runs_run;
DROP FUNCTION runs_run_takes_its_rows();
DROP FUNCTION runs_rows_stay();
DROP FUNCTION runs_rows_have_run();
"""


def by_statement(table: str) -> migrations.RunSQL:
    """Triggers in place of the foreign key of one table."""
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} DROP CONSTRAINT {table}_run_id_tenant;
        CREATE TRIGGER {table}_has_run AFTER INSERT ON {table} REFERENCING NEW TABLE AS written
            FOR EACH STATEMENT EXECUTE FUNCTION runs_rows_have_run();
        CREATE TRIGGER {table}_stays BEFORE UPDATE OF workspace_id, run_id ON {table} FOR EACH ROW
            WHEN ((OLD.run_id, OLD.workspace_id) IS DISTINCT FROM (NEW.run_id, NEW.workspace_id))
            EXECUTE FUNCTION runs_rows_stay();
        """,
        f"""
        DROP TRIGGER {table}_stays ON {table};
        DROP TRIGGER {table}_has_run ON {table};
        ALTER TABLE {table} ADD CONSTRAINT {table}_run_id_tenant FOREIGN KEY (workspace_id, run_id)
            REFERENCES runs_run (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
        """,
    )


class Migration(migrations.Migration):
    dependencies = [("runs", "0009_hot_runs")]

    operations = [migrations.RunSQL(FUNCTIONS, FUNCTIONS_UNDO), *map(by_statement, TABLES)]
