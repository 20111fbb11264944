from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("runs", "0012_choices")]

    operations = [CompositeForeignKey(model="choice", field="workflow")]
