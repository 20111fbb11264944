import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('runs', '0014_run_token'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='own_providers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), db_default=[], default=list, size=None),
        ),
    ]
