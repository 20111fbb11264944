"""PostgreSQL itself refuses a member of another workspace in a project, and a comment on another one's workflow."""

from __future__ import annotations

from django.db import migrations

from apps.common.constraints import CompositeForeignKey


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_sharing_and_comments")]

    operations = [
        CompositeForeignKey(model="projectmember", field="project"),
        CompositeForeignKey(model="projectmember", field="membership"),
        CompositeForeignKey(model="comment", field="workflow"),
        CompositeForeignKey(model="comment", field="parent"),
        CompositeForeignKey(model="mention", field="comment"),
    ]
