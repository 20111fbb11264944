from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0012_search_functions")]

    operations = [
        migrations.AddField(
            model_name="generation", name="asked_at", field=models.DateTimeField(blank=True, null=True)
        ),
    ]
