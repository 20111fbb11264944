from __future__ import annotations

import apps.common.ids
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Blob',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveBigIntegerField()),
                ('content_type', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('image', 'Image'), ('video', 'Video'), ('audio', 'Audio'), ('table', 'Table'), ('file', 'File')], max_length=10)),
                ('key', models.CharField(max_length=200)),
                ('meta', models.JSONField(default=dict)),
                ('previews', models.JSONField(default=dict)),
                ('preview_state', models.CharField(choices=[('pending', 'Being drawn'), ('ready', 'Ready'), ('failed', 'Could not be drawn'), ('none', 'No preview')], default='pending', max_length=10)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.UUIDField(default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('filename', models.CharField(max_length=255)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('source', models.CharField(choices=[('upload', 'Uploaded'), ('generation', 'Generated'), ('node', 'Made by a node')], max_length=12)),
                ('project_id', models.UUIDField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('image', 'Image'), ('video', 'Video'), ('audio', 'Audio'), ('table', 'Table'), ('file', 'File')], max_length=10)),
                ('content_type', models.CharField(max_length=100)),
                ('size', models.PositiveBigIntegerField()),
                ('state', models.CharField(choices=[('pending', 'Waiting for the upload'), ('verifying', 'Being checked'), ('ready', 'Ready'), ('refused', 'Refused')], default='pending', max_length=10)),
                ('refusal', models.JSONField(blank=True, default=dict)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('trashed_at', models.DateTimeField(blank=True, null=True)),
                ('upload_key', models.CharField(blank=True, max_length=200)),
                ('claimed_sha256', models.CharField(blank=True, max_length=64)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
                ('blob', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='assets', to='assets.blob')),
            ],
        ),
        migrations.AddConstraint(
            model_name='blob',
            constraint=models.UniqueConstraint(fields=('workspace', 'sha256'), name='assets_blob_once'),
        ),
        migrations.AddConstraint(
            model_name='blob',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['image', 'video', 'audio', 'table', 'file'])), name='assets_blob_kind'),
        ),
        migrations.AddConstraint(
            model_name='blob',
            constraint=models.CheckConstraint(condition=models.Q(('preview_state__in', ['pending', 'ready', 'failed', 'none'])), name='assets_blob_preview_state'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(condition=models.Q(('trashed_at__isnull', True)), fields=['workspace', '-created_at', '-id'], name='assets_asset_gallery'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(condition=models.Q(('trashed_at__isnull', False)), fields=['workspace', '-trashed_at', '-id'], name='assets_asset_trash'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(condition=models.Q(('state', 'ready'), _negated=True), fields=['created_at'], name='assets_asset_unsettled'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['image', 'video', 'audio', 'table', 'file'])), name='assets_asset_kind'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['upload', 'generation', 'node'])), name='assets_asset_source'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'verifying', 'ready', 'refused'])), name='assets_asset_state'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), ('blob__isnull', False), _connector='OR'), name='assets_asset_ready_blob'),
        ),
    ]
