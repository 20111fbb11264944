"""Pages and fragments of runs."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.runs import approval_views, cache_pages, compare_pages, limit_views, step_pages, views

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
    path(
        "approvals/<uuid:run_id>/<str:node>/<int:item>/remind/", approval_views.approval_remind, name="approval_remind"
    ),
    path("runs/<uuid:run_id>/again/", views.run_again, name="run_again"),
    path("runs/<uuid:run_id>/steps/", step_pages.step_list, name="step_list"),
    path("runs/<uuid:run_id>/steps/<str:node>/items/", step_pages.step_items, name="step_items"),
    path("runs/<uuid:run_id>/steps/<str:node>/<int:item>/", step_pages.step_detail, name="step_detail"),
    path("runs/<uuid:run_id>/steps/<str:node>/<int:item>/again/", step_pages.step_again, name="step_again"),
    path("runs/<uuid:run_id>/steps/<str:node>/<int:item>/alone/", step_pages.step_alone, name="step_alone"),
    path("runs/<uuid:run_id>/steps/<str:node>/<int:item>/pin/", step_pages.step_pin, name="step_pin"),
    path("runs/<uuid:run_id>/steps/<str:node>/<int:item>/forget/", step_pages.step_forget, name="step_forget"),
    path("settings/limits/", limit_views.limits, name="limits"),
    path("runs/<uuid:run_id>/compare/<str:node>/", compare_pages.compare, name="compare"),
    path("runs/<uuid:run_id>/compare/<str:node>/<int:item>/vote/", compare_pages.variant_vote, name="variant_vote"),
    path(
        "runs/<uuid:run_id>/compare/<str:node>/<int:item>/choose/", compare_pages.variant_choose, name="variant_choose"
    ),
    path("runs/reuse/", cache_pages.reuse, name="reuse"),
    path("runs/reuse/forget/", cache_pages.reuse_forget, name="reuse_forget"),
    path("runs/reuse/<uuid:workflow_id>/forget/", cache_pages.workflow_forget, name="workflow_forget"),
    path("workflows/<uuid:workflow_id>/runs/", views.drawer, name="drawer"),
    path("workflows/<uuid:workflow_id>/versions/<int:number>/run/", views.version_run, name="version_run"),
]
