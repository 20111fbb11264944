"""The tenant is part of every key between tenant tables."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial"), ("projects", "0002_tenant_keys")]

    operations = [
        CompositeForeignKey(model="run", field="graph"),
        CompositeForeignKey(model="run", field="workflow"),
        CompositeForeignKey(model="run", field="project"),
        CompositeForeignKey(model="run", field="from_run"),
        CompositeForeignKey(model="step", field="run"),
        CompositeForeignKey(model="runevent", field="run"),
    ]
