"""The second wall: each row shows itself to its own workspace only."""

from __future__ import annotations

from django.db import migrations

from apps.common.policies import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("generations", "0018_spending_before")]

    operations = [
        tenant_policy("generations_generation"),
        tenant_policy("generations_generationoutput"),
        tenant_policy("generations_submissionturn"),
        tenant_policy("generations_vote"),
        tenant_policy("generations_providerkey"),
        tenant_policy("generations_board"),
        tenant_policy("generations_boarditem"),
    ]
