from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_ledger_guards")]

    operations = [
        migrations.AddField(
            model_name='account',
            name='owed',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='ledgertransaction',
            name='asked',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='account',
            name='kind',
            field=models.CharField(choices=[('wallet', 'Wallet'), ('receivable', 'Receivable'), ('disputed', 'Disputed'), ('grants', 'Grants'), ('payments', 'Payments'), ('plans', 'Plans'), ('corrections', 'Corrections'), ('expired', 'Expired'), ('revenue', 'Revenue'), ('loss', 'Loss')], max_length=20),
        ),
        migrations.AlterField(
            model_name='ledgertransaction',
            name='kind',
            field=models.CharField(choices=[('grant', 'Grant'), ('topup', 'Top-up'), ('plan', 'Plan credits'), ('capture', 'Charge'), ('release', 'Not charged'), ('refund', 'Refund'), ('dispute', 'Dispute opened'), ('dispute_won', 'Dispute won'), ('dispute_lost', 'Dispute lost'), ('repayment', 'Debt paid'), ('correction', 'Correction'), ('expiry', 'Expired')], max_length=20),
        ),
    ]
