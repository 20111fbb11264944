from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_versions_were_frozen")]

    operations = [
        migrations.AddConstraint(
            model_name="version",
            constraint=models.CheckConstraint(
                condition=Q(state__in=["freezing", "frozen", "failed", "cancelled"]), name="datasets_version_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.CheckConstraint(
                condition=Q(state="frozen", frozen_at__isnull=False)
                | (~Q(state="frozen") & Q(frozen_at__isnull=True)),
                name="datasets_version_frozen",
            ),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(fields=["created_at"], name="datasets_version_open", condition=Q(state="freezing")),
        ),
    ]
