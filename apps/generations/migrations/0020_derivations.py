"""A generation's sources as rows, from now on and for what is there; the index that row-level security left unused goes."""

from __future__ import annotations

from django.db import migrations

# A reference that is no id is nobody's source; it must not keep a generation from being written.
_SOURCES = """
SELECT DISTINCT made.workspace_id, (told #>> '{}')::uuid, 'generation', made.id, made.created_at
FROM %s, jsonb_path_query(made.inputs, '$.**."$asset"') AS told
WHERE jsonb_typeof(told) = 'string'
    AND told #>> '{}' ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
"""
_KEEP = "INSERT INTO assets_derivation (workspace_id, source_id, kind, made_id, created_at)"
_TRIGGER = f"""
CREATE FUNCTION generations_derive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_KEEP}
    {_SOURCES % "(SELECT NEW.*) AS made"}
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER generations_derive AFTER INSERT OR UPDATE OF inputs ON generations_generation
    FOR EACH ROW WHEN (NEW.inputs <> '{{}}') EXECUTE FUNCTION generations_derive();
"""
_UNDO = "DROP TRIGGER generations_derive ON generations_generation; DROP FUNCTION generations_derive();"
_BEFORE = f"{_KEEP} {_SOURCES % 'generations_generation AS made'} AND made.inputs <> '{{}}' ON CONFLICT DO NOTHING"
_INDEX = """
CREATE INDEX generations_made_from ON generations_generation
USING gin (jsonb_path_query_array(inputs, '$.**."$asset"') jsonb_path_ops) WHERE inputs <> '{}'
"""


class Migration(migrations.Migration):
    dependencies = [("generations", "0019_row_security"), ("assets", "0015_derivations_of_files")]

    operations = [
        migrations.RunSQL(_TRIGGER, _UNDO),
        migrations.RunSQL(_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL("DROP INDEX generations_made_from", _INDEX),
    ]
