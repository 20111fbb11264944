"""No alert of another workspace's budget, and room on each page for the next version of a day's sum (HOT)."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_budgets")]

    operations = [
        CompositeForeignKey(model="budgetalert", field="budget"),
        migrations.RunSQL(
            "ALTER TABLE billing_spending SET (fillfactor = 70)", "ALTER TABLE billing_spending RESET (fillfactor)"
        ),
    ]
