from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0016_comparisons")]

    operations = [
        migrations.AddField(
            model_name="generation", name="asked_at", field=models.DateTimeField(blank=True, null=True)
        ),
    ]
