from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0021_own_providers'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='busy_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
