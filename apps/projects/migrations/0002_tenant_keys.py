"""PostgreSQL itself refuses a workflow in another workspace's project, and so on down to each operation."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_initial")]

    operations = [
        CompositeForeignKey(model="workflow", field="project"),
        CompositeForeignKey(model="operation", field="workflow"),
        CompositeForeignKey(model="workflowversion", field="workflow"),
    ]
