from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("generations", "0001_initial"), ("assets", "0002_tenant_keys")]

    operations = [
        CompositeForeignKey(model="generationoutput", field="generation"),
        CompositeForeignKey(model="generationoutput", field="asset"),
    ]
