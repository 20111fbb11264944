"""Sockets of runs."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.runs.consumers import RunConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/w/<slug:workspace>/runs/<uuid:run_id>/", RunConsumer.as_asgi(), name="run"),  # type: ignore[arg-type]
]
