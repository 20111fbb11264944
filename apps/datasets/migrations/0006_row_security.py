"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("datasets", "0005_version_state_guards")]

    operations = [
        tenant_policy("datasets_recordbatch"),
        tenant_policy("datasets_record"),
        tenant_policy("datasets_consent"),
        tenant_policy("datasets_licence"),
        tenant_policy("datasets_videomeasure"),
        tenant_policy("datasets_dataset"),
        tenant_policy("datasets_version"),
        tenant_policy("datasets_row"),
        tenant_policy("datasets_change"),
        tenant_policy("datasets_export"),
        tenant_policy("datasets_recheck"),
    ]
