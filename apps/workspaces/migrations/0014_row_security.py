"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0013_switches")]

    operations = [
        tenant_policy("workspaces_datakey"),
        tenant_policy("workspaces_apitoken", readable=True),
        tenant_policy("workspaces_singlesignon", readable=True),
    ]
