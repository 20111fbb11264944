"""Who, with which token, for which workflow and model: what budgets and the usage page go by."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0008_lots_guards'),
        ('workspaces', '0005_plan'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='budgeted',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='hold',
            name='actor_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='hold',
            name='model',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddField(
            model_name='hold',
            name='token_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='hold',
            name='workflow_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='ledgertransaction',
            name='model',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddField(
            model_name='ledgertransaction',
            name='token_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='ledgertransaction',
            name='workflow_id',
            field=models.UUIDField(null=True),
        ),
    ]
