from __future__ import annotations

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"

    def ready(self) -> None:
        """Tell the assets below who uses them."""
        from apps.assets import usage
        from apps.projects.asset_usage import project_exists, workflows_using

        usage.usage_providers.append(workflows_using)
        usage.project_checks.append(project_exists)
