"""Pages and fragments of runs."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.runs import approval_views, views

app_name = "runs"
urlpatterns: list[URLPattern] = [
    path("runs/", views.run_list, name="run_list"),
    path("runs/home/", views.home_runs, name="home_runs"),
    path("runs/last/", views.last_runs, name="last_runs"),
    path("runs/<uuid:run_id>/", views.run_detail, name="run_detail"),
    path("runs/<uuid:run_id>/console/", views.run_console, name="run_console"),
    path("runs/<uuid:run_id>/cancel/", views.run_cancel, name="run_cancel"),
    path("runs/<uuid:run_id>/retry/", views.run_retry, name="run_retry"),
    path("runs/<uuid:run_id>/callback/<str:node>/<int:item>/", views.callback_address, name="callback_address"),
    path("approvals/", approval_views.approval_list, name="approval_list"),
    path("approvals/count/", approval_views.approval_count, name="approval_count"),
    path("approvals/<uuid:run_id>/<str:node>/<int:item>/", approval_views.approval_detail, name="approval_detail"),
    path(
        "approvals/<uuid:run_id>/<str:node>/<int:item>/answer/", approval_views.approval_answer, name="approval_answer"
    ),
    path("workflows/<uuid:workflow_id>/runs/", views.drawer, name="drawer"),
    path("workflows/<uuid:workflow_id>/versions/<int:number>/run/", views.version_run, name="version_run"),
]
