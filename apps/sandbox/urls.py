from __future__ import annotations

from django.urls import path

from apps.sandbox import views

app_name = "sandbox"
urlpatterns = [
    path("v1/jobs", views.job_list, name="job_list"),
    path("v1/jobs/<uuid:job_id>", views.job_detail, name="job_detail"),
    path("v1/files/<str:token>/<str:filename>", views.file_detail, name="file_detail"),
    path("submissions", views.submission_list, name="submission_list"),
]
