"""Whoever made a project and is still a member may share it: they are listed as its admin, as new projects do."""

from __future__ import annotations

from django.db import migrations

_LIST = """
    INSERT INTO projects_projectmember (id, created_at, workspace_id, project_id, membership_id, role)
    SELECT gen_random_uuid(), statement_timestamp(), project.workspace_id, project.id, member.id, 'admin'
    FROM projects_project AS project
    JOIN workspaces_membership AS member
        ON member.workspace_id = project.workspace_id AND member.user_id = project.created_by_id
    WHERE member.role IN ('editor', 'admin', 'owner')
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0004_tenant_keys_of_sharing"), ("workspaces", "0011_teams")]

    operations = [migrations.RunSQL(_LIST, migrations.RunSQL.noop)]
