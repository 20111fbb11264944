from __future__ import annotations

from django.urls import path

from apps.console import views

app_name = "console"
urlpatterns = [
    path("admin/queues/", views.queues, name="queues"),
    path("admin/queues/now/", views.queues_now, name="queues_now"),
    path("admin/providers/", views.providers, name="providers"),
    path("admin/impersonation/<uuid:user_id>/", views.impersonation_begin, name="impersonation_begin"),
    path("admin/impersonation/end/", views.impersonation_end, name="impersonation_end"),
    path("announcements/<uuid:announcement_id>/dismiss/", views.announcement_dismiss, name="announcement_dismiss"),
]
