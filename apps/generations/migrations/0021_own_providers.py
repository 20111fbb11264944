import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0020_derivations'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='own_providers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, db_default=[], default=list, size=None),
        ),
    ]
