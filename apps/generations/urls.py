"""Pages of the tape, below /w/<workspace>/."""

from __future__ import annotations

from django.urls import path

from apps.generations import provider_views, views

app_name = "generations"
urlpatterns = [
    path("settings/providers/", provider_views.providers, name="providers"),
    path("settings/providers/<slug:provider>/key/", provider_views.provider_key_set, name="provider_key_set"),
    path(
        "settings/providers/<slug:provider>/key/remove/", provider_views.provider_key_remove, name="provider_key_remove"
    ),
    path("tape/", views.tape, name="tape"),
    path("tape/items/", views.tape_items, name="tape_items"),
    path("tape/live/", views.tape_live, name="tape_live"),
    path("tape/recent/", views.home_recent, name="home_recent"),
    path("tape/new/", views.generation_create, name="generation_create"),
    path("tape/<uuid:generation_id>/", views.generation_detail, name="generation_detail"),
    path("tape/<uuid:generation_id>/cancel/", views.generation_cancel, name="generation_cancel"),
    path("tape/<uuid:generation_id>/give-up/", views.generation_give_up, name="generation_give_up"),
]
