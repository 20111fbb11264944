from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("generations", "0022_busy_since"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="catalogueentry",
            options={"verbose_name": "catalogue entry", "verbose_name_plural": "models and prices"},
        ),
        migrations.AlterModelOptions(
            name="generation",
            options={"verbose_name": "paid call", "verbose_name_plural": "paid calls"},
        ),
    ]
