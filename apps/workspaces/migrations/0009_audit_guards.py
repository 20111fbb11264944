"""What the audit log promises, kept by the database: a chain made at the commit, and no entry changed after it."""

from __future__ import annotations

from django.db import migrations

CHAIN = """
CREATE FUNCTION workspaces_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
    link bytea;
BEGIN
    INSERT INTO workspaces_audithead AS head (workspace_id, seq, hash, verified_seq, broken)
    VALUES (NEW.workspace_id, 1, '', 0, '')
    ON CONFLICT (workspace_id) DO UPDATE SET seq = head.seq + 1
    RETURNING seq, hash INTO number, link;
    link := sha256(link || int8send(number) || NEW.digest);
    UPDATE workspaces_audithead SET hash = link WHERE workspace_id = NEW.workspace_id;
    UPDATE workspaces_auditentry SET seq = number, hash = link WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER workspaces_audit_chain AFTER INSERT ON workspaces_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION workspaces_audit_chain();
"""

CHAIN_UNDO = """
DROP TRIGGER workspaces_audit_chain ON workspaces_auditentry;
DROP FUNCTION workspaces_audit_chain();
"""

GUARD = """
CREATE FUNCTION workspaces_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fixed jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        fixed := to_jsonb(OLD) - '{actor,actor_salt,subject,subject_salt}'::text[];
        IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
            AND to_jsonb(NEW) - '{seq,hash}'::text[] = to_jsonb(OLD) - '{seq,hash}'::text[] THEN
            RETURN NEW;  -- the chain
        END IF;
        IF to_jsonb(NEW) - '{actor,actor_salt,subject,subject_salt}'::text[] = fixed
            AND ((NEW.actor = OLD.actor AND NEW.actor_salt IS NOT DISTINCT FROM OLD.actor_salt)
                OR (NEW.actor = '{}' AND NEW.actor_salt IS NULL))
            AND ((NEW.subject = OLD.subject AND NEW.subject_salt IS NOT DISTINCT FROM OLD.subject_salt)
                OR (NEW.subject = '{}' AND NEW.subject_salt IS NULL)) THEN
            RETURN NEW;  -- a person is forgotten
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER workspaces_audit_guard BEFORE UPDATE OR DELETE ON workspaces_auditentry
    FOR EACH ROW EXECUTE FUNCTION workspaces_audit_guard();
CREATE FUNCTION workspaces_audit_head_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.seq >= OLD.seq AND NEW.workspace_id = OLD.workspace_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log never goes back' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER workspaces_audit_head_guard BEFORE UPDATE OR DELETE ON workspaces_audithead
    FOR EACH ROW EXECUTE FUNCTION workspaces_audit_head_guard();
"""

GUARD_UNDO = """
DROP TRIGGER workspaces_audit_head_guard ON workspaces_audithead;
DROP FUNCTION workspaces_audit_head_guard();
DROP TRIGGER workspaces_audit_guard ON workspaces_auditentry;
DROP FUNCTION workspaces_audit_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0008_audit")]

    operations = [
        migrations.RunSQL(CHAIN, CHAIN_UNDO),
        migrations.RunSQL(GUARD, GUARD_UNDO),
    ]
