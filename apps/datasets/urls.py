"""Pages of datasets and consent, below /w/<workspace>/."""

from __future__ import annotations

from django.urls import path

from apps.datasets import consent_views, views

app_name = "datasets"
urlpatterns = [
    path("datasets/", views.dataset_list, name="dataset_list"),
    path("datasets/new/", views.dataset_build, name="dataset_build"),
    path("datasets/preview/", views.selection_preview, name="selection_preview"),
    path("datasets/<uuid:dataset_id>/", views.dataset_detail, name="dataset_detail"),
    path("datasets/<uuid:dataset_id>/<int:version>/", views.version_detail, name="version_detail"),
    path("datasets/<uuid:dataset_id>/<int:version>/progress/", views.version_progress, name="version_progress"),
    path("datasets/<uuid:dataset_id>/<int:version>/cancel/", views.version_cancel, name="version_cancel"),
    path("datasets/<uuid:dataset_id>/<int:version>/exports/", views.version_exports, name="version_exports"),
    path("datasets/exports/<uuid:export_id>/<int:index>/", views.export_file, name="export_file"),
    path("settings/consent/", consent_views.workspace_consent, name="workspace_consent"),
    path("settings/consent/licence/", consent_views.licence_change, name="licence_change"),
    path("tape/<uuid:generation_id>/consent/", consent_views.generation_consent, name="generation_consent"),
]
