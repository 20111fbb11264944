"""Every page of the site, collected from the apps."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from apps.accounts.views import language_set
from config.api import api, not_here
from config.health import healthz, readyz

workspace_urls = [
    path("", include("apps.workspaces.urls")),
    path("", include("apps.projects.urls")),
    path("", include("apps.runs.urls")),
    path("", include("apps.assets.urls")),
    path("", include("apps.generations.urls")),
    path("", include("apps.datasets.urls")),
    path("", include("apps.billing.urls")),
]

admin.autodiscover()
urlpatterns = [
    # First, because most requests are for it and patterns are tried in turn.
    path("api/v1/", not_here, name="api_v1_root"),
    path("api/v1/", api.urls),
    path("", include("apps.workspaces.start")),
    path("", include("apps.accounts.urls")),
    path("w/<slug:workspace>/", include(workspace_urls)),
    path("accounts/", include("allauth.urls")),
    path("", include("apps.console.urls")),
    path("admin/", admin.site.urls),
    path("api/", not_here, name="api_root"),
    path("api/<path:path>", not_here, name="api_not_here"),
    path("i18n/setlang/", language_set, name="set_language"),
    path("i18n/catalog.js", JavaScriptCatalog.as_view(domain="djangojs"), name="javascript_catalog"),
    path("sandbox/", include("apps.sandbox.urls")),
    path("hooks/", include("apps.generations.hooks")),
    path("hooks/", include("apps.billing.webhooks")),
    path("hooks/", include("apps.runs.webhooks")),
    path("approvals/", include("apps.runs.approval_links")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]

handler500 = "config.refusals.failed"
