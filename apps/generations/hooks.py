from __future__ import annotations

from django.urls import URLPattern

app_name = "generation_hooks"
urlpatterns: list[URLPattern] = []
