"""The tenant is part of every key between tenant tables."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_reuse_and_retries")]

    operations = [
        CompositeForeignKey(model="run", field="parent"),
        CompositeForeignKey(model="attempt", field="run"),
        CompositeForeignKey(model="cacheentry", field="run"),
        CompositeForeignKey(model="cacheclearing", field="workflow"),
    ]
