"""A file's sources as rows, from now on and for what is there."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy

_TRIGGER = """
CREATE FUNCTION assets_derive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO assets_derivation (workspace_id, source_id, kind, made_id, created_at)
    SELECT NEW.workspace_id, file, 'asset', NEW.id, NEW.created_at FROM unnest(NEW.made_from) AS file
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER assets_derive AFTER INSERT OR UPDATE OF made_from ON assets_asset
    FOR EACH ROW WHEN (NEW.made_from <> '{}') EXECUTE FUNCTION assets_derive();
"""
_BEFORE = """
INSERT INTO assets_derivation (workspace_id, source_id, kind, made_id, created_at)
SELECT workspace_id, file, 'asset', id, created_at FROM assets_asset, unnest(made_from) AS file
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("assets", "0014_derivations")]

    operations = [
        tenant_policy("assets_derivation"),
        migrations.RunSQL(_TRIGGER, "DROP TRIGGER assets_derive ON assets_asset; DROP FUNCTION assets_derive();"),
        migrations.RunSQL(_BEFORE, migrations.RunSQL.noop),
    ]
