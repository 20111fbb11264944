from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("assets", "0001_initial")]

    operations = [CompositeForeignKey(model="asset", field="blob")]
