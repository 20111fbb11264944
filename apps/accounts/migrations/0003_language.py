from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_service_accounts")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            # The default stays in the database: code from before this column makes people, too.
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=10),
        ),
    ]
