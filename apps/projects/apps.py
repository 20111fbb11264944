from __future__ import annotations

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"

    def ready(self) -> None:
        """Tell the assets below who uses them, and budgets below what they can be for."""
        from apps.assets import usage
        from apps.billing.subjects import Subjects, subjects
        from apps.projects import budget_subjects as told
        from apps.projects.asset_usage import project_exists, workflows_using

        usage.usage_providers.append(workflows_using)
        usage.project_checks.append(project_exists)
        subjects["project"] = Subjects(told.project_names, told.project_choices)
        subjects["workflow"] = Subjects(told.workflow_names, told.workflow_choices)
