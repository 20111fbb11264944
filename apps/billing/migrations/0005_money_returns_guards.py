from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_money_returns_asked")]

    operations = [
        migrations.RemoveConstraint(
            model_name='account',
            name='billing_account_kind',
        ),
        migrations.RemoveConstraint(
            model_name='account',
            name='billing_account_owner',
        ),
        migrations.RemoveConstraint(
            model_name='ledgertransaction',
            name='billing_transaction_kind',
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['wallet', 'receivable', 'disputed', 'grants', 'payments', 'plans', 'corrections', 'expired', 'revenue', 'loss'])), name='billing_account_kind'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ('wallet', 'receivable', 'disputed')), ('workspace__isnull', False)), models.Q(models.Q(('kind__in', ('wallet', 'receivable', 'disputed')), _negated=True), ('workspace__isnull', True)), _connector='OR'), name='billing_account_owner'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('owed', 0), models.Q(('kind', 'wallet'), ('owed__gt', 0)), _connector='OR'), name='billing_account_owed'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'receivable'), _negated=True), ('posted__lte', 0), _connector='OR'), name='billing_account_receivable'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'disputed'), _negated=True), ('posted__gte', 0), _connector='OR'), name='billing_account_disputed'),
        ),
        migrations.AddConstraint(
            model_name='ledgertransaction',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['grant', 'topup', 'plan', 'capture', 'release', 'refund', 'dispute', 'dispute_won', 'dispute_lost', 'repayment', 'correction', 'expiry'])), name='billing_transaction_kind'),
        ),
    ]
