from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assets", "0002_tenant_keys")]

    operations = [
        migrations.AddField(
            model_name="blob",
            name="colours",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SmallIntegerField(), blank=True, db_default=[], default=list, size=None
            ),
        ),
    ]
