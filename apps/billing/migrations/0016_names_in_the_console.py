from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0015_mails_keep_what_was_sent"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={"verbose_name": "account", "verbose_name_plural": "accounts"},
        ),
        migrations.AlterModelOptions(
            name="entry",
            options={"verbose_name": "entry", "verbose_name_plural": "entries"},
        ),
        migrations.AlterModelOptions(
            name="hold",
            options={"verbose_name": "hold", "verbose_name_plural": "holds"},
        ),
        migrations.AlterModelOptions(
            name="inboxevent",
            options={"verbose_name": "Stripe webhook", "verbose_name_plural": "Stripe webhooks"},
        ),
        migrations.AlterModelOptions(
            name="ledgertransaction",
            options={"verbose_name": "ledger line", "verbose_name_plural": "ledger"},
        ),
        migrations.AlterModelOptions(
            name="purchase",
            options={"verbose_name": "purchase", "verbose_name_plural": "purchases"},
        ),
        migrations.AlterModelOptions(
            name="reconciliation",
            options={"verbose_name": "reconciliation", "verbose_name_plural": "reconciliations"},
        ),
    ]
