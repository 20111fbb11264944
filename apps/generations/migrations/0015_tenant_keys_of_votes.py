from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("generations", "0014_votes")]

    operations = [CompositeForeignKey(model="vote", field="generation")]
