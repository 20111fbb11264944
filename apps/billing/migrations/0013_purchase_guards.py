"""A dispute and its purchase belong to the same workspace."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_purchases")]

    operations = [CompositeForeignKey(model="dispute", field="purchase")]
