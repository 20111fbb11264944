from __future__ import annotations

from django.urls import path

from apps.assets import views

app_name = "assets"
urlpatterns = [
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/<uuid:asset_id>/", views.asset_detail, name="asset_detail"),
    path("gallery/<uuid:asset_id>/cell/", views.asset_cell, name="asset_cell"),
    path("gallery/<uuid:asset_id>/rename/", views.asset_rename, name="asset_rename"),
    path("gallery/<uuid:asset_id>/trash/", views.asset_trash, name="asset_trash"),
    path("gallery/<uuid:asset_id>/restore/", views.asset_restore, name="asset_restore"),
    path("gallery/<uuid:asset_id>/content/", views.asset_content, name="asset_content"),
    path("gallery/<uuid:asset_id>/preview/<int:side>/", views.asset_preview, name="asset_preview"),
    path("trash/", views.trash, name="trash"),
]
