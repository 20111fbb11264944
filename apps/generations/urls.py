"""Pages of the tape, below /w/<workspace>/."""

from __future__ import annotations

from django.urls import path

from apps.generations import board_views, provider_views, story_views, views

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
    path("tape/unclear/", views.home_unclear, name="home_unclear"),
    path("tape/new/", views.generation_create, name="generation_create"),
    path("tape/<uuid:generation_id>/", views.generation_detail, name="generation_detail"),
    path("tape/<uuid:generation_id>/cancel/", views.generation_cancel, name="generation_cancel"),
    path("tape/<uuid:generation_id>/give-up/", views.generation_give_up, name="generation_give_up"),
    path("tape/<uuid:generation_id>/remarks/", story_views.generation_remark_set, name="generation_remark_set"),
    path("tape/<uuid:generation_id>/take/", story_views.generation_take, name="generation_take"),
    path("gallery/<uuid:asset_id>/story/", story_views.asset_story, name="asset_story"),
    path("boards/", board_views.board_list, name="board_list"),
    path("boards/new/", board_views.board_create, name="board_create"),
    path("boards/choice/", board_views.board_choice, name="board_choice"),
    path("boards/<uuid:board_id>/", board_views.board_detail, name="board_detail"),
    path("boards/<uuid:board_id>/rename/", board_views.board_rename, name="board_rename"),
    path("boards/<uuid:board_id>/delete/", board_views.board_delete, name="board_delete"),
    path(
        "boards/<uuid:board_id>/items/<uuid:item_id>/remove/", board_views.board_item_remove, name="board_item_remove"
    ),
    path("boards/<uuid:board_id>/items/<uuid:item_id>/move/", board_views.board_item_move, name="board_item_move"),
]
