from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("generations", "0010_boards_and_search")]

    operations = [
        CompositeForeignKey(model="boarditem", field="board"),
        CompositeForeignKey(model="boarditem", field="generation"),
        CompositeForeignKey(model="boarditem", field="asset"),
        # Which generations were made from an asset: the ids of all references among the inputs.
        migrations.RunSQL(
            """
            CREATE INDEX generations_made_from ON generations_generation
            USING gin (jsonb_path_query_array(inputs, '$.**."$asset"') jsonb_path_ops) WHERE inputs <> '{}'
            """,
            "DROP INDEX generations_made_from",
        ),
    ]
