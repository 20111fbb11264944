from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Until now a version was frozen in the request that asked for it, or not there."""

    dependencies = [("datasets", "0003_version_states")]

    operations = [
        migrations.RunSQL(
            "UPDATE datasets_version SET state = 'frozen', done = rows, frozen_at = created_at",
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
