
import apps.common.ids
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('assets', '0002_tenant_keys'),
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Generation',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('project_id', models.UUIDField(blank=True, null=True)),
                ('workflow_id', models.UUIDField(blank=True, null=True)),
                ('run_id', models.UUIDField(blank=True, null=True)),
                ('node', models.CharField(blank=True, max_length=64)),
                ('item', models.PositiveIntegerField(default=0)),
                ('attempt', models.PositiveSmallIntegerField(default=1)),
                ('actor_id', models.UUIDField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=255)),
                ('kind', models.CharField(max_length=10)),
                ('provider', models.CharField(max_length=40)),
                ('model', models.CharField(max_length=120)),
                ('prompt', models.TextField(blank=True)),
                ('params', models.JSONField(default=dict)),
                ('inputs', models.JSONField(default=dict)),
                ('seed', models.BigIntegerField(blank=True, null=True)),
                ('request_digest', models.BinaryField(max_length=32)),
                ('state', models.CharField(choices=[('prepared', 'Queued'), ('submitting', 'Submitting'), ('submitted', 'Waiting at the provider'), ('running', 'Running'), ('succeeded', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('expired', 'Expired'), ('unknown', 'Unclear')], default='prepared', max_length=10)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('fence', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('provider_request_id', models.CharField(blank=True, max_length=200, null=True)),
                ('provider_urls', models.JSONField(default=dict)),
                ('delivery', models.JSONField(blank=True, null=True)),
                ('hold_id', models.UUIDField()),
                ('price_low', models.BigIntegerField()),
                ('price_high', models.BigIntegerField()),
                ('cost', models.BigIntegerField(default=0)),
                ('progress', models.FloatField(blank=True, null=True)),
                ('progress_message', models.CharField(blank=True, max_length=200)),
                ('error_code', models.CharField(blank=True, max_length=30)),
                ('error', models.TextField(blank=True)),
                ('error_detail', models.TextField(blank=True)),
                ('permanent', models.BooleanField(default=False)),
                ('submitted_at', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('poll_after', models.DateTimeField(default=django.utils.timezone.now)),
                ('polled_at', models.DateTimeField(blank=True, null=True)),
                ('polls', models.PositiveIntegerField(default=0)),
                ('deadline_at', models.DateTimeField()),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('cancel_sent_at', models.DateTimeField(blank=True, null=True)),
                ('outputs', models.JSONField(default=list)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='GenerationOutput',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assets.asset')),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='output_rows', to='generations.generation')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.AddField(
            model_name='generation',
            name='assets',
            field=models.ManyToManyField(related_name='generations', through='generations.GenerationOutput', to='assets.asset'),
        ),
        migrations.AddIndex(
            model_name='generationoutput',
            index=models.Index(fields=['workspace', 'generation'], name='generations_output_rows'),
        ),
        migrations.AddConstraint(
            model_name='generationoutput',
            constraint=models.UniqueConstraint(fields=('generation', 'position'), name='generations_output_once'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(fields=['workspace', '-created_at', '-id'], name='generations_tape'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(fields=['workspace', 'project_id', '-created_at', '-id'], name='generations_project'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(fields=['workspace', 'model', '-created_at', '-id'], name='generations_model'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('run_id__isnull', False)), fields=['workspace', 'run_id'], name='generations_run'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('state__in', ['prepared', 'submitting', 'submitted', 'running', 'unknown'])), fields=['poll_after'], name='generations_due'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['prepared', 'submitting', 'submitted', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'unknown'])), name='generations_state'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', models.F('price_high')), ('price_low__gte', 0), ('price_low__lte', models.F('price_high'))), name='generations_price'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'succeeded'), ('cost', 0), _connector='OR'), name='generations_only_success_is_charged'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.UniqueConstraint(condition=models.Q(('run_id__isnull', False)), fields=('run_id', 'node', 'item', 'attempt'), name='generations_attempt_once'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.UniqueConstraint(fields=('provider', 'provider_request_id'), name='generations_provider_request_once'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('workspace', 'idempotency_key'), name='generations_idempotency_once'),
        ),
    ]
