from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial"), ("assets", "0002_tenant_keys")]

    operations = [
        CompositeForeignKey(model="record", field="batch"),
        CompositeForeignKey(model="videomeasure", field="blob"),
        CompositeForeignKey(model="version", field="dataset"),
        CompositeForeignKey(model="row", field="version"),
        CompositeForeignKey(model="change", field="version"),
        CompositeForeignKey(model="export", field="version"),
    ]
