from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0002_tenant_keys")]

    operations = [
        migrations.AddField(
            model_name="version",
            name="state",
            field=models.CharField(
                choices=[
                    ("freezing", "Freezing"),
                    ("frozen", "Frozen"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="freezing",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="version",
            name="error",
            field=models.CharField(
                blank=True,
                choices=[
                    ("nothing", "Nothing fits this selection that anybody agreed to."),
                    (
                        "too_much",
                        "A version holds at most 1,000,000 generations. Narrow the selection, by date say.",
                    ),
                    ("tries", "It could not be frozen after several tries. Try it again; nothing was lost."),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(model_name="version", name="done", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(model_name="version", name="fence", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(model_name="version", name="tries", field=models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            model_name="version", name="lease_until", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="version", name="frozen_at", field=models.DateTimeField(blank=True, null=True)),
    ]
