from __future__ import annotations

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models
from django.db.models.functions import Concat, Upper


class Migration(migrations.Migration):
    """Any part of a file's name or title is found by an index. The extension is one that a database's owner may add."""

    dependencies = [("assets", "0011_made_from")]

    operations = [
        TrigramExtension(),
        migrations.AddField(
            model_name="asset",
            name="naming",
            field=models.GeneratedField(
                db_persist=True,
                expression=Upper(Concat("filename", models.Value(" "), "title")),
                output_field=models.TextField(),
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["naming"], name="assets_asset_naming", opclasses=["gin_trgm_ops"]
            ),
        ),
    ]
