from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0015_own_providers"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="run",
            options={"verbose_name": "run", "verbose_name_plural": "runs"},
        ),
    ]
