from __future__ import annotations

from django.urls import URLPattern, path

from apps.projects.consumers import WorkflowConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/w/<slug:workspace>/workflows/<uuid:workflow>/", WorkflowConsumer.as_asgi()),  # type: ignore[arg-type]
]
