"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("assets", "0012_naming")]

    operations = [
        tenant_policy("assets_asset"),
        tenant_policy("assets_blob"),
    ]
