from __future__ import annotations

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"

    def ready(self) -> None:
        """Tell the assets below who uses them, budgets what they can be for, and the workspaces who sees what."""
        from apps.assets import usage
        from apps.billing.subjects import Subjects, subjects
        from apps.projects import budget_subjects as told
        from apps.projects import receivers  # noqa: F401
        from apps.projects.asset_usage import project_exists, project_of_asset, workflows_using
        from apps.projects.sight import ProjectSight, project_itself, project_of_workflow
        from apps.workspaces import sight

        sight.project_rules.append(ProjectSight())
        for name in ("project", "project_id"):
            sight.project_finders[name] = project_itself
        for name in ("workflow", "workflow_id"):
            sight.project_finders[name] = project_of_workflow
        sight.project_finders["asset_id"] = project_of_asset

        usage.usage_providers.append(workflows_using)
        usage.project_checks.append(project_exists)
        subjects["project"] = Subjects(told.project_names, told.project_choices)
        subjects["workflow"] = Subjects(told.workflow_names, told.workflow_choices)
